"""The exact bodies for ONTRAPORT's API."""

from datetime import UTC, datetime
from decimal import Decimal

from app.relay.bodies import contact_body, processmanual_body, product_body
from app.relay.contacts import ContactPlan
from app.relay.lines import SaleLine
from app.relay.sales import SalePlan

CONTACT = ContactPlan("jane@example.com", {"name": {"firstname": "Jane"}, "phone": {"office_phone": "1"}}, 7)
LINES = (SaleLine("BONE", "Bone", Decimal("19.99"), 2), SaleLine("T", "Tax", Decimal("1.10"), 1))


def test_contact():
    assert CONTACT.fields == {"firstname": "Jane", "office_phone": "1"}
    assert contact_body(CONTACT) == {
        "email": "jane@example.com",
        "firstname": "Jane",
        "office_phone": "1",
        "ignore_blanks": True,
    }


def test_product():
    assert product_body(LINES[0]) == {"name": "Bone", "price": "19.99", "external_id": "BONE", "sku": "BONE"}
    described = SaleLine("BONE", "Bone", Decimal("26.98"), 1, "A fine bone", list_price=Decimal("9.99"))
    assert product_body(described)["price"] == "9.99"
    assert product_body(described)["description"] == "A fine bone"


def test_sale():
    plan = SalePlan(
        order_id="DEMO-1",
        contact=CONTACT,
        affiliate_id=None,
        lines=LINES,
        total=Decimal("41.08"),
        currency="USD",
        paid_at=datetime(2026, 3, 2, 14, 15, 21, tzinfo=UTC),
    )
    body = processmanual_body(plan, "27", {"BONE": "41", "T": "42"})
    assert body == {
        "contact_id": 27,
        "chargeNow": "chargeLog",
        "trans_date": 1772460921000,
        "invoice_template": -1,
        "external_order_id": "DEMO-1",
        "offer": {
            "products": [
                {
                    "id": "41",
                    "quantity": 2,
                    "type": "single",
                    "taxable": False,
                    "tax": False,
                    "shipping": False,
                    "price": [{"price": "19.99", "payment_count": 1, "unit": "day"}],
                },
                {
                    "id": "42",
                    "quantity": 1,
                    "type": "single",
                    "taxable": False,
                    "tax": False,
                    "shipping": False,
                    "price": [{"price": "1.10", "payment_count": 1, "unit": "day"}],
                },
            ],
            "subTotal": "41.08",
            "grandTotal": "41.08",
            "hasTaxes": False,
            "hasShipping": False,
            "delay": 0,
            "send_recurring_invoice": False,
        },
    }
    assert processmanual_body(plan, "c-27", {"BONE": "41", "T": "42"})["contact_id"] == "c-27"

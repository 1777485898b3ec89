"""Plans as the exact JSON bodies for ONTRAPORT's API; pure, for delivery and the console.

The call behind `processmanual_body`: https://api.ontraport.com/doc/#log-a-transaction
"""

from collections.abc import Mapping
from typing import Any

from app.relay.contacts import ContactPlan
from app.relay.lines import SaleLine
from app.relay.sales import SalePlan
from app.ultracart.dates import milliseconds

_NO_INVOICE_MAIL = -1


def contact_body(plan: ContactPlan) -> dict[str, Any]:
    """`POST /Contacts/saveorupdate`: merged by e-mail, empty fields leave what is there."""
    return {"email": plan.email, **plan.fields, "ignore_blanks": True}


def product_body(line: SaleLine) -> dict[str, Any]:
    """`POST /Products`: the item's id is kept as `external_id`, by which it is found again."""
    body = {
        "name": line.product_name,
        "price": f"{line.price if line.list_price is None else line.list_price:.2f}",
        "external_id": line.item_id,
        "sku": line.item_id,
        "description": line.description,
    }
    return {key: value for key, value in body.items() if value}


def processmanual_body(plan: SalePlan, contact_id: str, product_ids: Mapping[str, str]) -> dict[str, Any]:
    """`POST /transaction/processManual`: logs the sale without charging and without an invoice by mail.

    `trans_date` is in milliseconds, unlike every other date of this API. Not idempotent.
    """
    total = f"{plan.total:.2f}"
    return {
        "contact_id": int(contact_id) if contact_id.isdecimal() else contact_id,
        "chargeNow": "chargeLog",
        "trans_date": milliseconds(plan.paid_at),
        "invoice_template": _NO_INVOICE_MAIL,
        "external_order_id": plan.order_id,
        "offer": {
            "products": [_product(line, product_ids[line.item_id]) for line in plan.lines],
            "subTotal": total,
            "grandTotal": total,
            "hasTaxes": False,
            "hasShipping": False,
            "delay": 0,
            "send_recurring_invoice": False,
        },
    }


def _product(line: SaleLine, product_id: str) -> dict[str, Any]:
    return {
        "id": product_id,
        "quantity": line.quantity,
        "type": "single",
        "taxable": False,
        "tax": False,
        "shipping": False,
        "price": [{"price": f"{line.price:.2f}", "payment_count": 1, "unit": "day"}],
    }

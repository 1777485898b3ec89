"""The cases of what happens to an order after its sale: event and case → its object. For the build alone."""

from collections.abc import Callable
from typing import Any

from ultracart.model.order_shipping import OrderShipping
from ultracart.model.order_tag import OrderTag
from ultracart.model_utils import model_to_dict

from tests.payloads.models import billing, line, money, numbered, order, payment, subscription, summary

FIRST = "2026-03-09T11:00:00-04:00"
SECOND = "2026-03-16T11:00:00-04:00"
REJECTED = "2026-03-03T08:00:00-05:00"
EURO = ("EUR", 0.92)


def refunded(amount: float, at: str = FIRST, **more: Any) -> Any:
    """Two bones of 39.98, of which so much has been refunded."""
    lines = [line("BONE", 2, 19.99, total_refunded=money(min(amount, 39.98)))]
    sums = summary(39.98, subtotal=39.98, total_refunded=amount)
    return order(9104460, **({"items": lines, "summary": sums, "refund_dts": at} | more))


def _untold(*lines: Any, **more: Any) -> Any:
    """The summary tells no refunded total."""
    made = model_to_dict(order(9104461, items=numbered(*lines), refund_dts=FIRST, **more), serialize=True)
    del made["summary"]["total_refunded"]
    return made


def _all_quantities() -> Any:
    return _untold(line("BONE", 2, 19.99, quantity_refunded=2.0, total_cost_with_discount=money(39.98)))


def _some_lines() -> Any:
    lines = [
        line("BONE", 2, 19.99, total_refunded=money(19.99), quantity_refunded=1.0),
        line("BOWL", 1, 10.0, quantity_refunded=1.0),
    ]
    return _untold(*lines, summary=summary(55.28, subtotal=49.98, tax=5.3, tax_refunded=3.18))


def _foreign() -> Any:
    sums = summary(39.98, EURO, subtotal=39.98, total_refunded=10.0)
    return refunded(10.0, currency_code="EUR", exchange_rate=0.92, summary=sums)


def _default_expansion() -> Any:
    parts = ("payment", "summary", "items", "billing", "shipping", "checkout", "customer_profile")
    nothing: dict[str, Any] = dict.fromkeys((*parts, "current_stage_histories"))
    return refunded(10.0, **nothing)


def _rejected(number: int = 9104462, **more: Any) -> Any:
    fields = {"current_stage": "Rejected", "reject_dts": REJECTED, "reject_reason": "Fraud"}
    return order(number, **(fields | more))


def _parcels(*numbers: str) -> Any:
    shipping = OrderShipping(shipping_method="USPS: Priority Mail", tracking_numbers=list(numbers))
    return order(9104463, shipping=shipping, current_stage="Completed Order")


def _wrong_types() -> Any:
    made = model_to_dict(refunded(10.0), serialize=True)
    return made | {"refund_dts": "the other day", "Tags": "wholesale"}


def _chargeback(**more: Any) -> dict[str, Any]:
    """A dispute; the models of today's package have none any more, the events are still listed."""
    fields = {"merchant_id": "DEMO", "chargeback_dispute_oid": 5, "order_id": "DEMO-0009104464"}
    fields |= {
        "amount": 39.98,
        "currency": "USD",
        "partial_card_number": "1111",
        "chargeback_dts": FIRST,
        "reason_code": "4837",
    }
    return fields | {"status": "Open"} | more


def _theme(code: str | None, host: str) -> Any:
    made = model_to_dict(order(9104465), serialize=True)
    made["checkout"] |= {"storefront_host_name": host} | (
        {"screen_branding_theme_code": code} if code else {}
    )
    return made


SINGLE: dict[tuple[str, str], Callable[[], Any]] = {
    ("order_refund", "partial"): lambda: refunded(19.99),
    ("order_refund", "second_partial"): lambda: refunded(29.99, SECOND),
    ("order_refund", "rest"): lambda: refunded(39.98, SECOND, payment=payment("Refunded")),
    ("order_refund", "more_than_total"): lambda: refunded(45.0),
    ("order_refund", "reason"): lambda: refunded(5.0, refund_reason="Damaged"),
    ("order_refund", "taken_back"): lambda: refunded(0.0, SECOND),
    ("order_refund", "negative"): lambda: refunded(-5.0),
    ("order_refund", "all_quantities"): _all_quantities,
    ("order_refund", "some_lines"): _some_lines,
    ("order_refund", "status_only"): lambda: _untold(line("BONE", 2, 19.99), payment=payment("Refunded")),
    ("order_refund", "amount_untold"): lambda: _untold(line("BONE", 2, 19.99)),
    ("order_refund", "foreign_currency"): _foreign,
    ("order_refund", "default_expansion"): _default_expansion,
    ("order_refund", "no_billing"): lambda: refunded(10.0, billing=None, customer_profile=None),
    ("order_refund", "test_order"): lambda: refunded(10.0, payment=payment(test_order=True)),
    ("order_refund", "wrong_type"): _wrong_types,
    ("order_update", "partially_refunded"): lambda: refunded(19.99),
    ("order_update", "total_changed"): lambda: order(
        9104401,
        items=numbered(line("BONE", 2, 19.99), line("LEASH", 1, 15, upsell=True)),
        summary=summary(54.98, subtotal=54.98),
    ),
    ("order_update", "voided"): lambda: order(9104466, payment=payment("Voided")),
    ("order_reject", "paid"): _rejected,
    ("order_reject", "paid_partially_refunded"): lambda: _rejected(
        9104467, summary=summary(39.98, subtotal=39.98, total_refunded=10.0), refund_dts=FIRST
    ),
    ("order_stage_change", "rejected_paid"): _rejected,
    ("order_delete", "paid"): lambda: order(9104468),
    ("chargeback_create", "of_order"): lambda: _chargeback(order=order(9104464)),
    ("chargeback_create", "no_order"): _chargeback,
    ("chargeback_update", "won"): lambda: _chargeback(status="Won", order=order(9104464)),
    ("order_ship", "one_parcel"): lambda: _parcels("1Z999AA10123456784"),
    ("order_ship", "two_parcels"): lambda: _parcels("1Z999AA10123456784", "9400110200881234567890"),
    ("order_ship", "no_number"): _parcels,
    ("order_ship", "no_email"): lambda: order(9104469, billing=billing(email=""), customer_profile=None),
    ("order_ship_delivered", "paid"): lambda: order(9104470),
    ("order_create", "marketplace_email"): lambda: order(
        9104471, billing=billing(email="x1y2@Marketplace.Amazon.com"), refund_dts=None
    ),
    ("order_create", "theme_code"): lambda: _theme("whsl", "shop.example.com"),
    ("order_create", "theme_host"): lambda: _theme(None, "Wholesale.example.com"),
    ("order_create", "tagged"): lambda: order(9104472, tags=[OrderTag(tag_value="Wholesale")]),
    ("order_create", "purchase_order"): lambda: order(
        9104473, payment=payment(payment_method="Purchase Order")
    ),
    ("order_refund", "excluded"): lambda: refunded(10.0, tags=[OrderTag(tag_value="wholesale")]),
    ("order_update", "auto_order_cancelled"): lambda: order(
        9104474,
        auto_order=subscription("DEMO-0009104474", status="canceled", enabled=False, canceled_dts=SECOND),
    ),
    ("order_update", "auto_order_without_id"): lambda: order(
        9104475, auto_order=subscription("DEMO-0009104475", auto_order_oid=None)
    ),
}

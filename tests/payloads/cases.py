"""The cases that payload files exist for: event and case → its object. For `tests.payloads.build` alone."""

from collections.abc import Callable
from typing import Any

from ultracart.model.auto_order import AutoOrder
from ultracart.model.item import Item
from ultracart.model.order_affiliate import OrderAffiliate
from ultracart.model.order_affiliate_ledger import OrderAffiliateLedger
from ultracart.model.order_channel_partner import OrderChannelPartner
from ultracart.model.order_coupon import OrderCoupon
from ultracart.model.order_gift_certificate import OrderGiftCertificate
from ultracart.model_utils import model_to_dict

from tests.payloads.models import (
    CREATED,
    billing,
    customer,
    line,
    money,
    numbered,
    order,
    payment,
    subscription,
    summary,
)

EURO = ("EUR", 0.92)
REFUNDED = "2026-03-09T11:00:00-04:00"


def paid() -> Any:
    """The plain case: two bones, paid by card."""
    return order(9104401)


def item() -> Any:
    """An item of the catalogue."""
    return Item(merchant_id="DEMO", merchant_item_oid=12, merchant_item_id="BONE", description="Bone")


def auto_order() -> Any:
    """A subscription whose next order was billed."""
    return AutoOrder(
        merchant_id="DEMO",
        auto_order_oid=77,
        original_order_id="DEMO-0009104401",
        status="active",
        enabled=True,
    )


def _unpaid(number: int, **more: Any) -> Any:
    stage = {"current_stage": "Accounts Receivable", "current_stage_histories": None}
    return order(number, **({"payment": payment("Unprocessed", None)} | stage | more))


def _kit() -> Any:
    """The kit has the price; its components tell what they would cost alone."""
    free = money(0)
    lines = numbered(
        line("STARTER-KIT", 1, 49.95, kit=True),
        line("BOWL", 1, 0, kit_component=True, parent_item_index=1, component_unit_value=20.0, cost=free),
        line("LEASH", 2, 0, kit_component=True, parent_item_index=1, component_unit_value=15.0, cost=free),
        line("BONE", 1, 19.99),
    )
    return order(9104420, items=lines, summary=summary(69.94, subtotal=69.94))


def _kit_with_priced_components(kit_price: float) -> Any:
    lines = numbered(
        line("STARTER-KIT", 1, kit_price, kit=True),
        line("BOWL", 1, 20, kit_component=True, parent_merchant_item_id="STARTER-KIT"),
        line("LEASH", 2, 15, kit_component=True, parent_merchant_item_id="STARTER-KIT"),
    )
    return order(9104421, items=lines, summary=summary(50.0, subtotal=50.0))


def _discount() -> Any:
    """10 % on a line of three: 26.98, which three do not divide."""
    lines = numbered(line("BONE", 3, 9.99, total=26.97), line("BOWL", 3, 9.99, total=26.98))
    return order(9104422, items=lines, summary=summary(53.95, subtotal=59.94, subtotal_discount=5.99))


def _order_discount() -> Any:
    """The lines do not show the discount of the whole order."""
    lines = numbered(line("BONE", 1, 10), line("BOWL", 1, 20), line("LEASH", 1, 3.33))
    return order(9104423, items=lines, summary=summary(30.0, subtotal=33.33, subtotal_discount=3.33))


def _coupon() -> Any:
    return order(
        9104424,
        items=[line("BONE", 2, 19.99, total=35.98, unit_cost_with_discount=money(17.99))],
        coupons=[OrderCoupon(coupon_code="SAVE10", base_coupon_code="SAVE10")],
        summary=summary(35.98, subtotal=39.98, subtotal_discount=4.0),
    )


def _shipping_and_tax(discount: float = 0.0, total: float = 51.58) -> Any:
    sums = summary(
        total,
        subtotal=39.98,
        shipping_handling_total=8.3,
        shipping_handling_total_discount=discount,
        tax=3.3,
    )
    return order(9104425, summary=sums)


def _fractional_quantity() -> Any:
    lines = numbered(line("ROPE-M", 2.5, 3.99, total=9.98), line("PENNY", 3, 0.333, total=1.0))
    return order(9104426, items=lines, summary=summary(10.98, subtotal=10.98))


def _foreign_currency() -> Any:
    return order(
        9104427,
        currency_code="EUR",
        exchange_rate=0.92,
        items=[line("BONE", 2, 19.99, currency=EURO)],
        billing=billing(state_region="Hessen", country_code="DE", postal_code="60311", city="Frankfurt"),
        summary=summary(39.98, EURO, subtotal=39.98),
    )


def _gift_certificate() -> Any:
    return order(
        9104430,
        items=numbered(line("BONE", 2, 19.99), line("BOWL", 1, 7.5)),
        gift_certificate=OrderGiftCertificate(
            gift_certificate_code="GIFT1", gift_certificate_amount=money(15)
        ),
        summary=summary(32.48, subtotal=47.48, internal_gift_certificate_amount=15.0),
    )


def _surcharge(total: float = 41.18) -> Any:
    return order(9104431, payment=payment(surcharge=money(1.2)), summary=summary(total, subtotal=39.98))


def _channel_partner() -> Any:
    partner = OrderChannelPartner(channel_partner_code="THIIO", channel_partner_order_id="CRM-77")
    return order(9104428, channel_partner=partner)


def _affiliate() -> Any:
    ledger = OrderAffiliateLedger(
        item_id="BONE", tier_number=1, transaction_amount=4.0, transaction_state="Pending"
    )
    sender = OrderAffiliate(affiliate_oid=12, sub_id="spring", ledger_entries=[ledger])
    return order(9104432, affiliates=[sender, OrderAffiliate(affiliate_oid=3, ledger_entries=[])])


def _refunded(status: str = "Refunded") -> Any:
    sums = summary(39.98, subtotal=39.98, total_refunded=39.98)
    return order(9104433, payment=payment(status), summary=sums, refund_dts=REFUNDED)


def _large() -> Any:
    lines = numbered(*(line(f"ITEM-{n:03d}", n % 4 + 1, 1 + n / 100) for n in range(300)))
    total = round(sum(one.total_cost_with_discount.value for one in lines), 2)
    return order(9104434, items=lines, summary=summary(total, subtotal=total))


def _discount_item() -> Any:
    lines = numbered(line("BONE", 2, 19.99), line("THANK-YOU", 1, -5))
    return order(9104435, items=lines, summary=summary(34.98, subtotal=34.98))


def _unexplained() -> Any:
    """The total holds 2.50 that no part explains."""
    return order(9104436, summary=summary(42.48, subtotal=39.98))


def _nothing_but_shipping() -> Any:
    """The goods are free, and less than the shipping is to be paid."""
    sums = summary(4.0, subtotal=0.0, shipping_handling_total=5.0, tax=1.0)
    return order(9104437, items=[line("SAMPLE", 1, 0)], summary=sums)


def _without(number: int, *names: str) -> Any:
    return order(number, **dict.fromkeys(names))


def _nulls() -> Any:
    """Every field that there is, null where the plain case has none."""
    full = {name: None for name in type(paid()).openapi_types if name != "tags"}
    made = full | model_to_dict(order(9104441), serialize=True)
    made["billing"] = dict.fromkeys(type(billing()).openapi_types) | made["billing"] | {"address2": None}
    made["payment"] |= {"surcharge": None, "paypal": None, "check": None}
    made["items"] = [made["items"][0] | {"unit_cost_with_discount": None, "options": None}, None]
    return made


def _unknown_enums() -> Any:
    """Values that came after this was written."""
    made = model_to_dict(order(9104442), serialize=True)
    made["current_stage"] = "Drone Dispatch"
    made["payment"] |= {"payment_method": "Telepathy", "payment_status": "Settled Twice"}
    made["brand_new_part"] = {"of": ["the", "order"]}
    return made


def _wrong_type() -> Any:
    made = model_to_dict(order(9104443), serialize=True)
    made["summary"]["total"]["value"] = "about forty"
    return made


def _refreshed() -> Any:
    """The plain case again, as it is rendered on another day."""
    made = model_to_dict(paid(), serialize=True)
    made["summary"]["total"] |= {"localized_formatted": "$39.98", "exchange_rate": 1.01}
    made["emails"] = [{"email": "jane.doe@example.com", "subject": "Thank you"}]
    made["affiliates"] = None
    return made


SINGLE: dict[tuple[str, str], Callable[[], Any]] = {
    ("order_create", "paid"): paid,
    ("order_payment_process", "paid"): lambda: order(9104401),
    ("order_payment_process", "no_date"): lambda: order(9104402, payment=payment("Processed", None)),
    ("order_create", "unpaid_accounts_receivable"): lambda: _unpaid(9104403),
    ("order_create", "authorized_only"): lambda: _unpaid(9104404, payment=payment("Authorized", None)),
    ("order_stage_change", "paid"): lambda: order(9104401, current_stage="Completed Order"),
    ("order_update", "paid"): lambda: order(9104401, billing=billing(email="jane@example.com")),
    ("order_update", "rendered_anew"): _refreshed,
    ("order_update", "skipped_with_date"): lambda: order(9104405, payment=payment("Skipped")),
    ("order_update", "skipped_without_date"): lambda: _unpaid(9104406, payment=payment("Skipped", None)),
    ("order_create", "test_order"): lambda: order(9104407, payment=payment(test_order=True)),
    ("order_create", "zero_total"): lambda: order(
        9104408, items=[line("SAMPLE", 1, 0)], summary=summary(0.0)
    ),
    ("order_create", "kit"): _kit,
    ("order_create", "kit_and_components_priced"): lambda: _kit_with_priced_components(50),
    ("order_create", "kit_without_price"): lambda: _kit_with_priced_components(0),
    ("order_create", "discount"): _discount,
    ("order_create", "order_discount"): _order_discount,
    ("order_create", "coupon"): _coupon,
    ("order_create", "shipping_and_tax"): _shipping_and_tax,
    ("order_create", "shipping_discount"): lambda: _shipping_and_tax(2.0, 49.58),
    ("order_create", "shipping_discount_included"): lambda: _shipping_and_tax(2.0, 51.58),
    ("order_create", "fractional_quantity"): _fractional_quantity,
    ("order_create", "foreign_currency"): _foreign_currency,
    ("order_create", "rebill"): lambda: order(9104429, auto_order=subscription("DEMO-0009104401")),
    ("order_create", "first_of_auto_order"): lambda: order(
        9104438, auto_order=subscription("DEMO-0009104438")
    ),
    ("order_create", "channel_partner"): _channel_partner,
    ("order_create", "no_email"): lambda: order(9104439, billing=billing(email=""), customer_profile=None),
    ("order_create", "email_of_profile"): lambda: order(
        9104440, billing=billing(email=""), customer_profile=customer()
    ),
    ("order_create", "no_payment_expansion"): lambda: _without(9104444, "payment"),
    ("order_update", "no_payment_expansion"): lambda: _without(9104444, "payment"),
    ("order_ship", "no_payment_expansion"): lambda: _without(9104444, "payment"),
    ("order_create", "no_summary"): lambda: _without(9104445, "summary"),
    ("order_create", "no_items"): lambda: _without(9104446, "items"),
    ("order_create", "no_billing"): lambda: _without(9104447, "billing", "customer_profile"),
    ("order_create", "default_expansion"): lambda: _without(
        9104448,
        *("payment", "summary", "items", "billing", "shipping", "checkout"),
        *("customer_profile", "current_stage_histories"),
    ),
    ("order_create", "profile_only"): lambda: _without(9104454, "billing"),
    ("order_create", "gift_certificate"): _gift_certificate,
    ("order_create", "surcharge"): _surcharge,
    ("order_create", "surcharge_outside_total"): lambda: _surcharge(39.98),
    ("order_refund", "refunded_with_date"): _refunded,
    ("order_refund", "voided_with_date"): lambda: _refunded("Voided"),
    ("order_create", "nulls_everywhere"): _nulls,
    ("order_create", "unknown_enums"): _unknown_enums,
    ("order_create", "wrong_type"): _wrong_type,
    ("order_create", "affiliate"): _affiliate,
    ("order_create", "large"): _large,
    ("order_create", "discount_item"): _discount_item,
    ("order_create", "unexplained_amount"): _unexplained,
    ("order_create", "less_than_shipping"): _nothing_but_shipping,
    ("order_create", "australia"): lambda: order(
        9104449, billing=billing(country_code="AU", state_region="NT", city="Darwin", postal_code="0800")
    ),
    ("order_create", "other_language"): lambda: order(
        9104450, billing=billing(first_name="Zoë 🦴", last_name="Łukasz", city="Köln", country_code="DE")
    ),
    ("order_reject", "unpaid"): lambda: _unpaid(9104451, current_stage="Rejected", reject_dts=CREATED),
    ("order_delete", "unpaid"): lambda: _unpaid(9104452),
    ("order_payment_failed", "declined"): lambda: _unpaid(9104453, payment=payment("Declined", None)),
    ("fulfillment_transmit", "paid"): lambda: order(9104401),
    ("auto_order_rebill", "active"): auto_order,
    ("customer_update", "profile"): customer,
    ("item_update", "bone"): item,
}

"""What `_expand` brings: without it UltraCart's objects come nearly bare; pure, for app.sandbox only.

A name that the object does not know is refused, though UltraCart may ignore it: a typing error that
brings nothing is the harder one to find.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.sandbox.refusals import Refused


@dataclass(frozen=True, slots=True)
class Shape:
    """Which keys an object shows only if they are asked for: expansion -> JSON key, and what lies beneath."""

    hidden: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, "Shape"] = field(default_factory=dict)


def _named(names: str, **other: str) -> dict[str, str]:
    return {name: name for name in names.split()} | other


ORDER = Shape(
    _named(
        """auto_order billing channel_partner checkout customer_profile digital_order edi fraud_score gift
        gift_certificate internal linked_shipment marketing payment point_of_sale quote salesforce shipping
        summary taxes utms""",
        affiliate="affiliates",
        coupon="coupons",
        item="items",
    ),
    {
        "affiliate": Shape({"ledger": "ledger_entries"}),
        "payment": Shape({"transaction": "transactions"}),
        "shipping": Shape(_named("tracking_number_details")),
    },
)
AUTO_ORDER = Shape(
    _named("add_ons items original_order rebill_orders"),
    {
        "items": Shape(_named("future_schedules", sample_schedule="simple_schedule")),
        "original_order": ORDER,
        "rebill_orders": ORDER,
    },
)
ITEM = Shape(
    _named(
        """accounting amember auto_order ccbill chargeback checkout content digital_delivery ebay
        email_notifications enrollment123 gift_certificate google_product_search identifiers
        instant_payment_notifications internal kit_definition options payment_processing physical pricing
        realtime_pricing related reporting restriction reviews salesforce shipping tax
        third_party_email_marketing variations wishlist_member""",
        channel_partner_mappings="channel_partner_item_mappings",
    ),
    {
        "pricing": Shape(_named("tiers")),
        "auto_order": Shape(_named("steps")),
        "content": Shape(
            _named("assignments attributes multimedia"), {"multimedia": Shape(_named("thumbnails"))}
        ),
    },
)
CUSTOMER = Shape(
    _named(
        """attachments billing cards cc_emails loyalty orders_summary pricing_tiers privacy properties
        quotes_summary reviewer shipping software_entitlements tags tax_codes"""
    )
)


def expanded(row: Mapping[str, Any], shape: Shape, asked: str) -> dict[str, Any]:
    """The row as it is shown to who asks for these expansions. Refused(400) for one that it has not."""
    wanted: dict[str, list[str]] = {}
    for path in filter(None, (one.strip() for one in asked.split(","))):
        name, _, rest = path.partition(".")
        if name not in shape.hidden:
            raise Refused(400, f"Invalid expansion: {path}")
        wanted.setdefault(name, []).append(rest)
    shown = {key: value for key, value in row.items() if key not in shape.hidden.values()}
    for name, paths in wanted.items():
        beneath = ",".join(filter(None, paths))
        part = shape.parts.get(name, Shape())
        key = shape.hidden[name]
        # Also what the row has not is looked at: a wrong expansion is wrong whatever the row holds.
        value = _within(row.get(key, {}), part, beneath)
        if key in row:
            shown[key] = value
    return shown


def _within(value: Any, part: Shape, asked: str) -> Any:
    if isinstance(value, list):
        expanded({}, part, asked)
        return [_within(one, part, asked) for one in value]
    return expanded(value, part, asked) if isinstance(value, dict) else value

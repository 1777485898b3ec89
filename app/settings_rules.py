"""How facts become ONTRAPORT's records: what a merchant chooses, and how the TOML file says it.

Anyone may take the classes from app.settings, which alone (with its tables) imports this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import SettingsError
from app.settings_values import refuse_unknown, to_bool, to_choice, to_names, to_table, to_text

# What ONTRAPORT's accounts know a recurring order's status by, since UltraCart's own integration sends them.
AUTO_ORDER_WORDS = (
    "active",
    "card declined",
    "cancelled upgrade",
    "cancelled downgrade",
    "cancelled",
    "terminated",
)
ORDER_STATUSES = ("rejected", "shipped")
PARTIAL_REFUNDS = ("note", "ignore")


@dataclass(frozen=True, slots=True)
class OrderStatusRule:
    """What the contact gets when its order reaches a stage; empty: nothing.

    `field` takes the status, `tracking_field` the tracking numbers; both are names of contact fields.
    """

    tag: str = ""
    note: bool = False
    field: str = ""
    tracking_field: str = ""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Whose orders stay out of the CRM; all are compared without regard to case.

    `emails` may hold `*` and `?`. `themes` are codes or host names of storefronts, `tags` those of the
    order or the customer.
    """

    emails: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    payment_methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappingRules:
    """How facts become ONTRAPORT's records: names, tags, words and what is left out."""

    products: Mapping[str, str] = field(default_factory=dict)
    shipping_product: str = "Shipping"
    tax_product: str = "Tax"
    surcharge_product: str = "Surcharge"
    order_tags: tuple[str, ...] = ()
    item_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    channel_partner_codes: tuple[str, ...] = ()
    # `note`: a partial refund is told at the contact; `ignore`: it is skipped.
    refund_partial: str = "note"
    partial_refund_tag: str = "Partial refund"
    # Whether these end a paid order as a refund in full.
    refund_on_reject: bool = True
    refund_on_void: bool = True
    refund_on_delete: bool = True
    refund_on_chargeback: bool = True
    rerun_commission: bool = False
    # The two ends of an auto order that have no word of their own.
    auto_order_merged_word: str = "cancelled"
    auto_order_completed_word: str = "terminated"
    auto_order_tags: Mapping[str, str] = field(default_factory=dict)
    auto_order_note: bool = False
    affiliate_program_id: str = ""
    # The buyer's field for the affiliate of a sale whom ONTRAPORT does not know; empty: none.
    referrer_field: str = "Referring AffiliateId"
    order_statuses: Mapping[str, OrderStatusRule] = field(default_factory=dict)
    exclude: Exclusions = Exclusions()


def to_order_status(label: str, raw: Any) -> OrderStatusRule:
    """A table with what happens at one stage."""
    return OrderStatusRule(**_read(label, raw, _ORDER_STATUS))


def to_exclusions(label: str, raw: Any) -> Exclusions:
    """A table with whose orders stay out."""
    return Exclusions(**_read(label, raw, _EXCLUSIONS))


def read_rules(label: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """MappingRules' arguments among the keys of a merchant's table. Raises SettingsError."""
    return {key: read(f"{label}.{key}", table[key]) for key, read in RULES.items() if key in table}


def _read(label: str, raw: Any, readers: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{label}: a table is expected")
    refuse_unknown(label, raw, readers)
    return {key: readers[key](f"{label}.{key}", value) for key, value in raw.items()}


def _to_word(label: str, raw: Any) -> str:
    return to_choice(label, raw, AUTO_ORDER_WORDS)


def _to_name(label: str, raw: Any) -> str:
    text = to_text(label, raw)
    if not text:
        raise SettingsError(f"{label}: a name is expected")
    return text


def _keyed(read: Callable[[str, Any], Any], keys: tuple[str, ...]) -> Callable[[str, Any], dict[str, Any]]:
    """A table whose keys are among `keys`."""

    def read_table(label: str, raw: Any) -> dict[str, Any]:
        found = to_table(label, raw, read)
        refuse_unknown(label, found, keys)
        return found

    return read_table


_ORDER_STATUS: Mapping[str, Callable[[str, Any], Any]] = {
    "tag": to_text,
    "note": to_bool,
    "field": to_text,
    "tracking_field": to_text,
}
_EXCLUSIONS: Mapping[str, Callable[[str, Any], Any]] = dict.fromkeys(
    ("emails", "themes", "tags", "payment_methods"), to_names
)
RULES: Mapping[str, Callable[[str, Any], Any]] = {
    "products": lambda label, raw: to_table(label, raw, to_text),
    "item_tags": lambda label, raw: to_table(label, raw, to_names),
    "order_tags": to_names,
    "channel_partner_codes": to_names,
    "shipping_product": to_text,
    "tax_product": to_text,
    "surcharge_product": to_text,
    "partial_refund_tag": _to_name,
    "refund_on_reject": to_bool,
    "refund_on_void": to_bool,
    "refund_on_delete": to_bool,
    "refund_on_chargeback": to_bool,
    "rerun_commission": to_bool,
    "auto_order_merged_word": _to_word,
    "auto_order_completed_word": _to_word,
    "auto_order_tags": _keyed(_to_name, AUTO_ORDER_WORDS),
    "auto_order_note": to_bool,
    "affiliate_program_id": to_text,
    "referrer_field": to_text,
    "order_statuses": _keyed(to_order_status, ORDER_STATUSES),
    "exclude": to_exclusions,
}

"""An auto order as a plan for ONTRAPORT: its status in one of six words; pure, for delivery.

Never as an ONTRAPORT order: that would charge cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.auto_order_states import AutoOrderState, auto_order_freshness, auto_order_state
from app.relay.contacts import ContactPlan, email_of
from app.relay.exclusions import excluded_order
from app.settings import MappingRules
from app.ultracart.auto_orders import AutoOrder, load_auto_order
from app.ultracart.catalogue import ORDER_EVENTS
from app.ultracart.schemas import Order, load_order

# The event that does not say by its name in which state the auto order is.
UPDATE = "auto_order_update"


@dataclass(frozen=True, slots=True)
class AutoOrderPlan:
    """The status to show. `word` is one of the six; `item_ids` are what was first bought.

    `contact` has an e-mail and no fields; `version` is the snapshot's age stamp in milliseconds (0: unknown).
    """

    oid: str
    code: str
    word: str
    contact: ContactPlan
    original_order_id: str
    item_ids: tuple[str, ...]
    version: int
    note: str

    @property
    def email(self) -> str:
        """Whose auto order it is."""
        return self.contact.email


def plan_auto_order(
    event_name: str, payload: Mapping[str, Any], rules: MappingRules
) -> AutoOrderPlan | Skipped:
    """The status that an `auto_order_*` payload tells, or the auto order inside an order's payload.

    Raises DeliveryFailure(MAPPING) in plain words when the payload does not say enough.
    """
    inside = auto_order_of(event_name, payload)
    if not inside:
        return Skipped("the order belongs to no auto order")
    auto_order = load_auto_order(inside)
    order = load_order(payload) if event_name in ORDER_EVENTS else _an_order_of(auto_order)
    if order and order.payment and order.payment.test_order:
        return Skipped("test order")
    skipped = excluded_order(order, rules) if order else None
    return skipped or _plan(event_name, inside, auto_order, order, rules)


def auto_order_of(event_name: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The auto order that an event tells of: its payload, or the one inside an order's."""
    inside = payload.get("auto_order") if event_name in ORDER_EVENTS else payload
    return inside if isinstance(inside, Mapping) else {}


def told_anew(
    event_name: str, payload: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """The event as it would tell the auto order `now`; of the old payload remains whose it is."""
    if event_name in ORDER_EVENTS:
        return event_name, {**payload, "auto_order": now}
    people = {name: payload[name] for name in ("original_order", "rebill_orders") if payload.get(name)}
    return UPDATE, {**now, **people}


def _plan(
    event_name: str, told: Mapping[str, Any], auto_order: AutoOrder, order: Order | None, rules: MappingRules
) -> AutoOrderPlan:
    if not auto_order.auto_order_oid:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            "The auto order has no id (auto_order_oid), so it cannot be told from others.",
            field="auto_order_oid",
        )
    word = _word(_state(event_name, told, auto_order), rules)
    version = auto_order_freshness(told)
    return AutoOrderPlan(
        oid=auto_order.auto_order_oid,
        code=auto_order.auto_order_code or "",
        word=word,
        contact=_contact(auto_order, order, version),
        original_order_id=auto_order.original_order_id or "",
        item_ids=_item_ids(auto_order),
        version=version,
        note=_note(auto_order, word),
    )


def _an_order_of(auto_order: AutoOrder) -> Order | None:
    """The order that tells whose auto order it is: the original one, else the last rebill with a person."""
    orders = [auto_order.original_order, *reversed(auto_order.rebill_orders or ())]
    found = [order for order in orders if order]
    named = (order for order in found if order.billing or order.customer_profile)
    return next(named, found[0] if found else None)


def _state(event_name: str, told: Mapping[str, Any], auto_order: AutoOrder) -> AutoOrderState:
    state = auto_order_state(event_name, told)
    if state is None:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"{_named(auto_order)} says neither that it is active nor how it ended: "
            f"its status {_shown(auto_order)}.",
            hint="Open the auto order in UltraCart and save it: its next event repairs this.",
            field="status",
        )
    return state


def _named(auto_order: AutoOrder) -> str:
    return f"Auto order {auto_order.auto_order_oid}"


def _shown(auto_order: AutoOrder) -> str:
    return f"is {auto_order.status[:40]!r}" if auto_order.status else "is missing"


def _word(state: AutoOrderState, rules: MappingRules) -> str:
    if state is AutoOrderState.MERGED:
        return rules.auto_order_merged_word
    return rules.auto_order_completed_word if state is AutoOrderState.COMPLETED else state.value


def _contact(auto_order: AutoOrder, order: Order | None, version: int) -> ContactPlan:
    people = [person for person in (order.billing, order.customer_profile) if person] if order else []
    email = email_of(_named(auto_order), *(person.email for person in people))
    if not email:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"{_named(auto_order)} does not say whose it is: there is no e-mail address with it.",
            hint="Add `original_order.billing` to the expansion of the auto order events in UltraCart.",
            field="email",
        )
    return ContactPlan(email=email, groups={}, version=version)


def _item_ids(auto_order: AutoOrder) -> tuple[str, ...]:
    found = [item.original_item_id or item.next_item_id for item in auto_order.items or ()]
    return tuple(dict.fromkeys(item_id for item_id in found if item_id))


def _note(auto_order: AutoOrder, word: str) -> str:
    """What tells this auto order from the contact's others, and why it changed."""
    name = auto_order.auto_order_code or auto_order.auto_order_oid
    order = f" of order {auto_order.original_order_id}" if auto_order.original_order_id else ""
    items = f" ({', '.join(_item_ids(auto_order))})" if _item_ids(auto_order) else ""
    merged = auto_order.merged_into_auto_order_oid
    return (
        f"Auto order {name}{order}{items}: {word}."
        + (f" Merged into auto order {merged}." if merged else "")
        + (f" {why.rstrip('.')}." if (why := _why(auto_order, word)) else "")
    )


def _why(auto_order: AutoOrder, word: str) -> str:
    if word == AutoOrderState.DECLINED:
        return auto_order.failure_reason or ""
    return "" if word == AutoOrderState.ACTIVE else auto_order.cancel_reason or ""

"""What an event means for a CRM: pure and cheap, for the receiver; no schema, no clock, no failure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from zlib import crc32

import orjson

from app.events import Event, Fact, Kind, Rule
from app.relay import contents, raw
from app.relay.auto_order_states import auto_order_freshness, auto_order_state
from app.relay.refunded import REFUND, UNTOLD, refunded_cents, told_refund
from app.ultracart.catalogue import ORDER_EVENTS

PAID = "processed"
PAID_BY_NAME = "order_payment_process"
ORDER_STATUSES = frozenset({"order_reject", "order_ship"})

# Without the payment they cannot be told from a sale, so the worker has to say what is missing.
_MAY_TELL_OF_A_SALE = frozenset({"order_create", PAID_BY_NAME, "order_stage_change", "order_update", REFUND})

# Without the payment, only the ledger or the shop can say whether money came back.
_MAY_TELL_OF_A_REFUND = frozenset({REFUND, "order_delete", "order_reject"})

_CENT = Decimal("0.01")

# Older than every real snapshot: one that lacks an expansion must not take the place of one that has it.
INCOMPLETE = 1


def facts(event: Event, account: str) -> tuple[Fact, ...]:
    """The facts that one event tells `account` about; what is said of one order in the order of its line."""
    find = _FINDERS.get(event.name)
    return find(event, account) if find else ()


def tells_of_a_sale(event_name: str, payload: Mapping[str, Any]) -> bool:
    """Whether the order was paid, or whether it cannot be told for want of its payment."""
    payment = payload.get("payment")
    if payment is None:
        return event_name in _MAY_TELL_OF_A_SALE
    if event_name == PAID_BY_NAME or not isinstance(payment, dict):
        return True
    return bool(payment.get("payment_dts")) or str(payment.get("payment_status")).casefold() == PAID


def freshness(order: Mapping[str, Any]) -> int:
    """The latest of an order's own date stamps, in milliseconds; 0 when it has none."""
    payment = order.get("payment")
    paid = payment.get("payment_dts") if isinstance(payment, dict) else None
    found = [paid, order.get("creation_dts"), order.get("refund_dts"), order.get("reject_dts")]
    if order.get("current_stage_histories"):
        found += (entry.get("transition_dts") for entry in raw.elements(order, "current_stage_histories"))
    return raw.latest(found)


def told_at(order: Mapping[str, Any]) -> int:
    """When the customer gave an order's address, in milliseconds: as the order was made; 0 when unknown.

    A rebill repeats what was given for the first order. Neither payment, shipping nor refund tells anew
    where somebody lives, and UltraCart does not date a correction.
    """
    auto_order = order.get("auto_order")
    if isinstance(auto_order, dict) and auto_order.get("original_order_id") != order.get("order_id"):
        told = [raw.latest([item.get("first_order_dts")]) for item in raw.elements(auto_order, "items")]
        # Items that were added later have later ones, or none yet.
        first = min((stamp for stamp in told if stamp), default=0)
        return first or raw.latest([order.get("creation_dts")])
    return raw.latest([order.get("creation_dts")])


def auto_order_content(event_name: str, auto_order: Mapping[str, Any]) -> str:
    """`state@version`: a stale snapshot is told by the newest one, also when that said the same as before.

    Without a date it is the state alone: one that says the same as is known says nothing new.
    """
    version = auto_order_freshness(auto_order)
    state = raw.content_hash(auto_order_state(event_name, auto_order))
    return f"{state}@{version}" if version else state


def _order(event: Event, account: str) -> tuple[Fact, ...]:
    order, subject = event.payload, f"order:{event.object_key}"
    sold = tells_of_a_sale(event.name, order)
    fresh = freshness(order)
    found = [_sale(order, account, subject, fresh)] if sold else []
    refunded = _refunded(event.name, order, sold)
    if refunded is not None:
        found.append(_refund(account, subject, fresh, refunded, _currency(order)))
    if event.name in ORDER_STATUSES:
        content = contents.order_status_content(event.name, order)
        found.append(_state(Kind.ORDER_STATUS, account, subject, fresh, content))
    auto_order = order.get("auto_order")
    if isinstance(auto_order, dict) and (oid := raw.key(auto_order.get("auto_order_oid"))):
        found.append(_auto_order_status(event.name, auto_order, account, oid))
    return tuple(found)


def _sale(order: Mapping[str, Any], account: str, subject: str, fresh: int) -> Fact:
    get = order.get
    complete = get("payment") is not None and get("summary") is not None and get("items") is not None
    has_person = get("billing") is not None or get("customer_profile") is not None
    version = fresh if complete and has_person else INCOMPLETE
    total = raw.money_cents(get("summary"), "total")
    amount, currency, value = _money(total), _currency(order), "" if total is None else str(total)
    return Fact(Kind.SALE, account, subject, version, amount, currency, Rule.ONCE, value, _person(order))


def _person(order: Mapping[str, Any]) -> str:
    """Stands for who bought, as this order tells it; 8 hexadecimal digits."""
    profile = order.get("customer_profile")
    email = profile.get("email") if isinstance(profile, dict) else None
    told = orjson.dumps((order.get("billing"), email), default=str, option=orjson.OPT_SORT_KEYS)
    return f"{crc32(told):08x}"


def _refunded(event_name: str, order: Mapping[str, Any], sold: bool) -> int | None:
    """What was refunded, in cents; None when nothing was, or when nobody paid.

    Where money came back it had been paid, whatever the payment says; the worker tells what is missing.
    """
    payment = order.get("payment")
    paid = event_name in _MAY_TELL_OF_A_REFUND if payment is None else sold and isinstance(payment, dict)
    return refunded_cents(event_name, order) if paid or (told_refund(order) or 0) > 0 else None


def _refund(account: str, subject: str, fresh: int, refunded: int, currency: str) -> Fact:
    amount = _money(0 if refunded == UNTOLD else refunded)
    return Fact(Kind.REFUND, account, subject, fresh, amount, currency, Rule.GROW, str(refunded))


def _money(cents: int | None) -> Decimal:
    return Decimal(cents) * _CENT if cents else Decimal(0)


def _currency(order: Mapping[str, Any]) -> str:
    """The base currency, where the order's total says which one that is."""
    summary = order.get("summary")
    total = summary.get("total") if isinstance(summary, dict) else None
    if not isinstance(total, dict) or total.get("localized") not in (None, total.get("value")):
        return ""
    code = total.get("currency_code")
    return code if isinstance(code, str) else ""


def _name(event: Event, told: Any) -> str:
    """What the object is called; what has no id is told from other such objects by its content."""
    return raw.key(told) or f"?{event.digest.hex()[:16]}"


def _state(kind: Kind, account: str, subject: str, version: int, content: str) -> Fact:
    return Fact(kind, account, subject, version, Decimal(0), "", Rule.STATE, content)


def _auto_order_status(event_name: str, auto_order: Mapping[str, Any], account: str, oid: str) -> Fact:
    version, content = auto_order_freshness(auto_order), auto_order_content(event_name, auto_order)
    return _state(Kind.AUTO_ORDER_STATUS, account, f"auto_order:{oid}", version, content)


def _auto_order(event: Event, account: str) -> tuple[Fact, ...]:
    oid = _name(event, event.payload.get("auto_order_oid"))
    return (_auto_order_status(event.name, event.payload, account, oid),)


def _customer(event: Event, account: str) -> tuple[Fact, ...]:
    subject, content = f"customer:{_name(event, event.object_key)}", contents.customer_content(event.payload)
    version = contents.customer_freshness(event.payload)
    return (_state(Kind.CUSTOMER, account, subject, version, content),)


def _item(event: Event, account: str) -> tuple[Fact, ...]:
    subject = f"item:{_name(event, event.payload.get('merchant_item_id'))}"
    content = contents.item_content(event.name, event.payload)
    return (_state(Kind.ITEM, account, subject, contents.item_freshness(event.payload), content),)


def _affiliate(event: Event, account: str) -> tuple[Fact, ...]:
    """Affiliates have no stamp of their change: they count in the order in which they arrive."""
    subject = f"affiliate:{_name(event, event.object_key)}"
    content = contents.affiliate_content(event.payload)
    return (_state(Kind.AFFILIATE_SIGNUP, account, subject, 0, content),)


def _chargeback(event: Event, account: str) -> tuple[Fact, ...]:
    """A disputed payment takes back all of its order."""
    payload, order = event.payload, event.payload.get("order")
    order = order if isinstance(order, dict) else {}
    subject = f"order:{_name(event, raw.key(payload.get('order_id')) or order.get('order_id'))}"
    total = raw.money_cents(order.get("summary"), "total") or UNTOLD
    version = max(freshness(order), raw.latest([payload.get("chargeback_dts")]))
    return (_refund(account, subject, version, total, _currency(order)),)


_FINDERS: Mapping[str, Callable[[Event, str], tuple[Fact, ...]]] = {
    **dict.fromkeys(ORDER_EVENTS, _order),
    **{f"auto_order_{verb}": _auto_order for verb in ("cancel", "create", "decline", "disable")},
    **{f"auto_order_{verb}": _auto_order for verb in ("preshipment", "rebill", "update")},
    "chargeback_create": _chargeback,
    "customer_create": _customer,
    "customer_update": _customer,
    "item_create": _item,
    "item_delete": _item,
    "item_update": _item,
    "affiliate_create": _affiliate,
    "affiliate_update": _affiliate,
}

# The events that may mean something for a CRM.
TELLING = frozenset(_FINDERS)

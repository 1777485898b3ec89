"""Reads a webhook delivery into events; for the receiver, and `read_payload` for whoever delivers them.

The body is a list of one-key objects, key = event name, value = REST object.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.events import Event, Unreadable
from app.ultracart.careful import Refused
from app.ultracart.catalogue import ORDER_EVENTS
from app.ultracart.envelope import as_text, elements, sorted_text
from app.ultracart.identity import digest, object_key, steady

MAX_KEY = 64

# Card and account numbers, masked or not, are of no use to anyone here; so they are not kept.
_INSTRUMENTS = frozenset(
    {"cards", "check", "credit_card", "echeck", "health_benefit_card", "insurance"}
    | {"account_number", "partial_card_number"}
)
_HOLDERS = frozenset(
    {"payment", "customer_profile", "auto_order", "order", "original_order", "rebill_orders"}
)
_LOOKED_AT = _INSTRUMENTS | _HOLDERS


def parse_delivery(
    body: bytes, merchant_id: str, max_inflated: int = 64 * 1024 * 1024
) -> list[Event | Unreadable]:
    """What stands in a delivery to `merchant_id`, in its order; never raises.

    What cannot be read is an Unreadable with its own bytes: one event where it can be cut out, else the
    whole body. Numbers in `Event.payload` are int or float here; `read_payload` of `Event.raw` gives
    them as Decimal. `max_inflated` is what packed events may become, in bytes.
    """
    try:
        found = elements(body, max_inflated)
    except Refused as refusal:
        return [Unreadable(f"The delivery cannot be read: {refusal}.", body)]
    owner = merchant_id.casefold()
    return [_event(element, merchant_id, owner, found.steady) for element in found.values]


def read_payload(raw: bytes) -> dict[str, Any]:
    """The payload that `Event.raw` keeps, with fractions as Decimal: money is exact."""
    payload: dict[str, Any] = json.loads(raw, parse_float=Decimal)
    return payload


def _event(element: Any, merchant_id: str, owner: str, is_steady: bool) -> Event | Unreadable:
    if isinstance(element, Unreadable):
        return Unreadable(f"The event cannot be read: {element.reason}.", element.body)
    if type(element) is not dict or len(element) != 1:
        return Unreadable("The event is not an object with one key, the event's name.", as_text(element))
    ((name, payload),) = element.items()
    if type(payload) is not dict:
        return Unreadable("The event holds no object.", as_text(element))
    key = object_key(name, payload)
    objection = _objection(name, key, payload, merchant_id, owner)
    if objection:
        return Unreadable(objection, as_text(element))
    taken = _take_instruments(payload)
    if taken and not is_steady:
        taken = steady(taken)
    raw = sorted_text(payload)
    content = raw if is_steady else sorted_text(steady(payload))
    if taken:
        content += sorted_text(taken)
    return Event(name, merchant_id, key, payload, raw, digest(owner, name, key, content))


def _take_instruments(node: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Takes cards and bank accounts out of an object, by the path at which each stood."""
    taken: dict[str, Any] = {}
    for key in _LOOKED_AT.intersection(node):
        value = node[key]
        if key in _INSTRUMENTS:
            taken[where + key] = node.pop(key)
        elif type(value) is dict:
            taken |= _take_instruments(value, f"{where}{key}.")
        elif type(value) is list:
            for n, one in enumerate(value):
                if type(one) is dict:
                    taken |= _take_instruments(one, f"{where}{key}.{n}.")
    return taken


def _objection(name: str, key: str, payload: Mapping[str, Any], merchant_id: str, owner: str) -> str:
    """Why an event that can be read is not taken; "" when it is."""
    named = payload.get("merchant_id")
    if named is not None and str(named).casefold() != owner:
        told = repr(named[:40]) if type(named) is str else "something that is no id"
        return f"The event is of another merchant: its merchant_id is {told}, not {merchant_id!r}."
    if len(key) > MAX_KEY or not key.isprintable():
        return "The object's id is too long or holds signs that cannot be printed."
    if not key and name in ORDER_EVENTS:
        return "The order has no order_id."
    return ""

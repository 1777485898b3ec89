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
from app.ultracart.envelope import as_text, elements
from app.ultracart.identity import digest, object_key

MAX_KEY = 64

# Card and account numbers, masked or not, are of no use to anyone here; so they are not kept.
_INSTRUMENTS = frozenset(
    {"cards", "check", "credit_card", "echeck", "health_benefit_card", "insurance"}
    | {"account_number", "partial_card_number"}
)
_HOLDERS = ("payment", "customer_profile", "auto_order", "order", "original_order", "rebill_orders")


def parse_delivery(
    body: bytes, merchant_id: str, max_inflated: int = 64 * 1024 * 1024
) -> list[Event | Unreadable]:
    """What stands in a delivery to `merchant_id`, in its order; never raises.

    What cannot be read is an Unreadable with its own bytes: one event where it can be cut out, else the
    whole body. Numbers in `Event.payload` are int or float here; `read_payload` of what `raw_json` keeps
    gives them as Decimal. `max_inflated` is what packed events may become, in bytes.
    """
    try:
        found = elements(body, max_inflated)
    except Refused as refusal:
        return [Unreadable(f"The delivery cannot be read: {refusal}.", body)]
    owner = merchant_id.casefold()
    return [_event(element, merchant_id, owner) for element in found]


def raw_json(event: Event) -> bytes:
    """The JSON kept for an event: compact UTF-8, every number of up to 15 digits as it was printed.

    Cards and bank accounts are left out of it.
    """
    return as_text(_without_instruments(event.payload))


def _without_instruments(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(node)
    if not _INSTRUMENTS.isdisjoint(kept):
        kept = {key: value for key, value in node.items() if key not in _INSTRUMENTS}
    for holder in _HOLDERS:
        value = kept.get(holder)
        if type(value) is dict:
            kept[holder] = _without_instruments(value)
        elif type(value) is list:
            kept[holder] = [_without_instruments(one) if type(one) is dict else one for one in value]
    return kept


def read_payload(raw: bytes) -> dict[str, Any]:
    """The payload that `raw_json` kept, with fractions as Decimal: money is exact."""
    payload: dict[str, Any] = json.loads(raw, parse_float=Decimal)
    return payload


def _event(element: Any, merchant_id: str, owner: str) -> Event | Unreadable:
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
    return Event(name, merchant_id, key, payload, digest(owner, name, key, payload))


def _objection(name: str, key: str, payload: Mapping[str, Any], merchant_id: str, owner: str) -> str:
    """Why an event that can be read is not taken; "" when it is."""
    named = payload.get("merchant_id")
    if named is not None and str(named).casefold() != owner:
        return f"The event is of another merchant: it names {str(named)[:40]!r}, not {merchant_id!r}."
    if len(key) > MAX_KEY or not key.isprintable():
        return "The object's id is too long or holds signs that cannot be printed."
    if not key and name in ORDER_EVENTS:
        return "The order has no order_id."
    return ""

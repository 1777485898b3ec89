"""The shop's log of its deliveries to a webhook: what failed, what came later, what a body held; pure.

https://www.ultracart.com/api/#resource_webhook.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from app.ultracart.catalogue import ORDER_EVENTS
from app.ultracart.cutting import beginning
from app.ultracart.dates import read_stamp
from app.ultracart.parse import MAX_KEY

# A log keeps so many characters of a body; whoever counts bytes instead has no more.
LOGGED = 100_000

_LIST = re.compile(rb"\s*(?:\{\s*\"events\"\s*:\s*)?(?=\[)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery as the log lists it. `at` (UTC) is None and `request_id` empty where it tells none."""

    name: str
    request_id: str
    at: datetime | None
    succeeded: bool
    order_ids: tuple[str, ...]
    event_names: frozenset[str]

    @property
    def tells_of_orders(self) -> bool:
        """Whether it told of nothing but the orders that it names."""
        return bool(self.order_ids and self.event_names) and self.event_names <= ORDER_EVENTS


def read_entry(row: Mapping[str, Any]) -> Entry:
    """A row of the list; it failed unless the row says that it succeeded. Never raises."""
    told, status = row.get("success"), row.get("status_code")
    request_id = _text(row.get("request_id"))
    return Entry(
        name=request_id or "?" + _digest(row),
        request_id=request_id,
        at=_moment(row.get("delivery_dts")),
        succeeded=told is True or (told is None and status == 200),
        order_ids=tuple(name for name in map(_text, _list(row.get("order_ids"))) if _is_key(name)),
        event_names=frozenset(filter(None, map(_text, _list(row.get("event_names"))))),
    )


def came_later(entry: Entry, others: Iterable[Entry]) -> bool:
    """Whether a later delivery that succeeded told of the same orders by events of the same names.

    Nothing but orders is named in the list, so this is known only of deliveries that told of nothing else.
    """
    at = entry.at
    if at is None or not entry.tells_of_orders:
        return False
    return any(
        one.succeeded
        and one.at is not None
        and one.at >= at
        and set(entry.order_ids) <= set(one.order_ids)
        and entry.event_names <= one.event_names
        for one in others
    )


def body_of(logged: Mapping[str, Any]) -> bytes:
    """The body that the shop tried to deliver, as far as its log keeps it; empty where it keeps none."""
    request = logged.get("request")
    if not isinstance(request, str) or not request.strip():
        return b""
    # A text that is cut in the middle of an emoji has no UTF-8: the half becomes "?".
    return request.encode("utf-8", "replace")


def first_events(body: bytes) -> bytes:
    """A delivery of the whole events at the beginning of a body that was cut off."""
    found = _LIST.match(body)
    return b"[" + b",".join(beginning(body[found.end() :])) + b"]" if found else b"[]"


def _digest(row: Mapping[str, Any]) -> str:
    text = json.dumps(row, default=str, sort_keys=True)
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _is_key(name: str) -> bool:
    return 0 < len(name) <= MAX_KEY and name.isprintable()


def _moment(stamp: Any) -> datetime | None:
    try:
        return read_stamp(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None

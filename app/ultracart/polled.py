"""What was fetched from UltraCart as the event that it means, as if a webhook had brought it.

For whoever polls or pulls: the event passes the same checks, and has the same digest, as a delivered one.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.events import Event, Unreadable
from app.ultracart.parse import parse_delivery


def polled_event(name: str, payload: Mapping[str, Any], merchant_id: str) -> Event | Unreadable:
    """One object of the client as the event `name`; never raises."""
    text = json.dumps([{name: payload}], default=_number, ensure_ascii=False)
    # Half of an emoji, as a cut name may end in, has no UTF-8: it becomes "?".
    (event,) = parse_delivery(text.encode("utf-8", "replace"), merchant_id)
    return event


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)

"""Calls and answers of the ONTRAPORT API, read defensively; for app.ontraport only.

Numbers come as strings, ids in two places, errors often as plain text: nothing here raises on an
answer of an unexpected shape, it reads as absent. https://api.ontraport.com/doc/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.http.answers import Answer, as_decimal, as_text, read_json, read_retry_after, read_seconds
from app.ontraport.context import RateLimit

_MESSAGE_KEYS = ("message", "error", "error_message", "errors")
_FIELD_KEYS = ("field", "fields", "errors")
_LONGEST_RESET = 3600.0
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{"code": 0, "data": …}`: `ok` when the code says so or is left out."""

    ok: bool
    data: Any
    code: str = ""


def read_envelope(answer: Answer) -> Envelope | None:
    """The JSON envelope of a complete answer; None if it has none."""
    document = read_json(answer.body)
    if answer.error or not isinstance(document, dict) or not document.keys() & {"code", "data"}:
        return None
    code = as_text(document.get("code", 0))
    return Envelope(code in {"0", "0.0"}, document.get("data"), code)


def read_id(data: Any, name: str = "id") -> str | None:
    """The id in `data.<name>` or `data.attrs.<name>`: a new contact has the first, a known one the second."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    for place in (data, data.get("attrs")) if isinstance(data, dict) else ():
        text = as_text(place.get(name)) if isinstance(place, dict) else ""
        if text not in {"", "0"}:
            return text
    return None


def read_names(data: Any) -> frozenset[str]:
    """The fields that the answer to a write lists: all of a new record, of a known one those set."""
    places = (data, data.get("attrs")) if isinstance(data, dict) else ()
    return frozenset(name for place in places if isinstance(place, dict) for name in place)


def read_rows(data: Any) -> list[Mapping[str, Any]] | None:
    """The rows of a list answer; None if it is no list: that must not pass for 'nothing found'."""
    if data is None or data in ("", {}):
        return []
    if isinstance(data, dict):
        data = [data] if "id" in data else list(data.values())
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        return None
    return data


def read_message(answer: Answer) -> str:
    """What the answer says about a refusal, on one line; empty for an HTML page."""
    document = read_json(answer.body)
    if isinstance(document, dict):
        data = document.get("data")
        places = (document, data if isinstance(data, dict) else {"message": data})
        found = (_sentence(place.get(key)) for place in places for key in _MESSAGE_KEYS)
        return next(filter(None, found), "")
    text = " ".join(str(document if isinstance(document, str) else answer.text).split())
    return "" if text.startswith(("<", "{", "[")) else text


def read_fields(answer: Answer) -> list[str]:
    """The names of the fields that the answer complains about, as far as it names them by key."""
    document = read_json(answer.body)
    if not isinstance(document, dict):
        return []
    places = [document, document.get("data")]
    return [
        name
        for place in places
        if isinstance(place, dict)
        for key in _FIELD_KEYS
        for name in _names(place.get(key))
    ]


def read_limits(headers: Mapping[str, str]) -> RateLimit | None:
    """The account's budget from the headers; None if they say nothing. /doc/#rate-limiting"""
    limit, remaining = (read_seconds(headers.get(f"X-Rate-Limit-{name}")) for name in ("Limit", "Remaining"))
    reset = read_seconds(headers.get("X-Rate-Limit-Reset"))
    if limit is None and remaining is None and reset is None:
        return None
    return RateLimit(_whole(limit), _whole(remaining), reset)


def read_wait(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait after a 429: X-Rate-Limit-Reset, else Retry-After (seconds or a date), else 60."""
    reset = read_seconds(headers.get("X-Rate-Limit-Reset"))
    for seconds in (reset, read_retry_after(headers, now)):
        if seconds is not None and seconds <= _LONGEST_RESET:
            return max(seconds, 1.0)
    return 60.0


def as_time(value: Any) -> datetime | None:
    """A point in time from unix seconds, or milliseconds where the number is too large for those."""
    number = as_decimal(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(float(number / (1000 if number >= _MILLISECONDS_FROM else 1)), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _sentence(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ((key, _sentence(inner)) for key, inner in value.items())
        return "; ".join(f"{key}: {text}" for key, text in pairs if text)
    if isinstance(value, list):
        return "; ".join(filter(None, map(_sentence, value)))
    return " ".join(value.split()) if isinstance(value, str) else ""


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.replace("_", "").isalnum() else []
    return [name for name in value if isinstance(name, str)] if isinstance(value, dict | list) else []


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

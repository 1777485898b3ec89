"""Calls and answers of the ONTRAPORT API, read defensively; for app.ontraport only.

Numbers come as strings, ids in two places, errors often as plain text: nothing here raises on an
answer of an unexpected shape, it reads as absent. https://api.ontraport.com/doc/
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from app.ontraport.context import RateLimit

_MESSAGE_KEYS = ("message", "error", "error_message", "errors")
_FIELD_KEYS = ("field", "fields", "errors")
_LONGEST_RESET = 3600.0
_LARGEST_HEADER = 1_000_000
_LONGEST_NUMBER = 40
_MILLISECONDS_FROM = 100_000_000_000
_PERSONAL = re.compile(r"[^\s\"'<>:;,()]+@[^\s\"'<>:;,()]+|\+?\d[\d -]{7,}\d")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `repeatable`: sending it twice has the effect of sending it once.

    `absent_is_empty`: an answer that nothing was found is an empty result and not a failure.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    repeatable: bool = True
    absent_is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `status` None means no answer; `error` says what broke, in our own words.

    `sent`: the first byte of the request may have left.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""
    sent: bool = False

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes are."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{"code": 0, "data": …}`: `ok` when the code says so or is left out."""

    ok: bool
    data: Any


def read_envelope(answer: Answer) -> Envelope | None:
    """The JSON envelope of a complete answer; None if it has none."""
    document = _document(answer)
    if answer.error or not isinstance(document, dict) or not document.keys() & {"code", "data"}:
        return None
    return Envelope(as_text(document.get("code", 0)) in {"0", "0.0"}, document.get("data"))


def read_id(data: Any, name: str = "id") -> str | None:
    """The id in `data.<name>` or `data.attrs.<name>`: a new contact has the first, a known one the second."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    for place in (data, data.get("attrs")) if isinstance(data, dict) else ():
        text = as_text(place.get(name)) if isinstance(place, dict) else ""
        if text not in {"", "0"}:
            return text
    return None


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
    document = _document(answer)
    if isinstance(document, dict):
        data = document.get("data")
        places = (document, data if isinstance(data, dict) else {"message": data})
        found = (_sentence(place.get(key)) for place in places for key in _MESSAGE_KEYS)
        return next(filter(None, found), "")
    text = " ".join(str(document if isinstance(document, str) else answer.text).split())
    return "" if text.startswith(("<", "{", "[")) else text


def read_fields(answer: Answer) -> list[str]:
    """The names of the fields that the answer complains about, as far as it names them by key."""
    document = _document(answer)
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


def without_personal_data(text: str) -> str:
    """The text without e-mail addresses and long numbers, fit for a reason that is shown and logged."""
    return _PERSONAL.sub("…", text)


def read_limits(headers: Mapping[str, str]) -> RateLimit | None:
    """The account's budget from the headers; None if they say nothing. /doc/#rate-limiting"""
    limit, remaining = (_seconds(headers.get(f"X-Rate-Limit-{name}")) for name in ("Limit", "Remaining"))
    reset = _seconds(headers.get("X-Rate-Limit-Reset"))
    if limit is None and remaining is None and reset is None:
        return None
    return RateLimit(_whole(limit), _whole(remaining), reset)


def read_wait(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait after a 429: X-Rate-Limit-Reset, else Retry-After (seconds or a date), else 60."""
    after = headers.get("Retry-After")
    for seconds in (_seconds(headers.get("X-Rate-Limit-Reset")), _seconds(after), _until(after, now)):
        if seconds is not None and seconds <= _LONGEST_RESET:
            return max(seconds, 1.0)
    return 60.0


def as_text(value: Any) -> str:
    """A value of any JSON type as text; numbers without exponent, null as nothing."""
    if value is None or isinstance(value, bool | dict | list):
        return ""
    if isinstance(value, Decimal) and abs(value.adjusted()) < _LONGEST_NUMBER:
        return format(value, "f")
    return str(value).strip()


def as_decimal(value: Any) -> Decimal | None:
    """An amount that came as a number or as text; None if it is neither."""
    try:
        number = Decimal(as_text(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def as_time(value: Any) -> datetime | None:
    """A point in time from unix seconds, or milliseconds where the number is too large for those."""
    number = as_decimal(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(float(number / (1000 if number >= _MILLISECONDS_FROM else 1)), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _document(answer: Answer) -> Any:
    try:
        return json.loads(answer.body, parse_float=Decimal, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
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


def _seconds(value: str | None) -> float | None:
    number = as_decimal(value)
    return float(number) if number is not None and 0 <= number <= _LARGEST_HEADER else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _until(value: str | None, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()

"""Calls, answers, and the single values in them, read defensively; for the clients of vendors.

Nothing here raises on an answer of an unexpected shape, it reads as absent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

_LARGEST_HEADER = 1_000_000
_LONGEST_NUMBER = 40
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
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


def read_json(body: bytes) -> Any:
    """The JSON value of a body, fractions as Decimal, absurd numbers and NaN as null; None if it is none."""
    try:
        value = json.loads(body, parse_float=_fraction, parse_int=_whole, parse_constant=lambda name: None)
        return _with_whole_characters(value) if _HALF_CHARACTER.search(body) else value
    except (ValueError, RecursionError):
        return None


def _with_whole_characters(value: Any) -> Any:
    """Half of an emoji, as a cut text may end in, has no UTF-8: it becomes "?"."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_with_whole_characters(one) for one in value]
    if isinstance(value, dict):
        return {_with_whole_characters(key): _with_whole_characters(one) for key, one in value.items()}
    return value


def without_personal_data(text: str) -> str:
    """The text without e-mail addresses and long numbers, fit for a reason that is shown and logged."""
    return _PERSONAL.sub("…", text)


def read_seconds(value: str | None) -> float | None:
    """A header that holds a span of seconds; None if it is none that makes sense."""
    number = as_decimal(value)
    return float(number) if number is not None and 0 <= number <= _LARGEST_HEADER else None


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from `now` that Retry-After asks for, as seconds or as a date; None without one."""
    value = headers.get("Retry-After")
    seconds = read_seconds(value)
    return _until(value, now) if seconds is None else seconds


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


def _fraction(literal: str) -> Decimal | None:
    number = as_decimal(literal)
    return number if number is not None and abs(number.adjusted()) < _LONGEST_NUMBER else None


def _whole(literal: str) -> int | None:
    return int(literal) if len(literal) < _LONGEST_NUMBER else None


def _until(value: str | None, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()

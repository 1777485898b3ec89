"""Cheap looks into a payload that nobody has read yet: amounts, stamps, hashes; for app.relay alone.

Nothing here raises: what is not what its name says counts as absent.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b
from math import floor
from typing import Any

from app.events import MOST_AMOUNT
from app.relay.money import cents
from app.ultracart.dates import read_milliseconds

MAX_KEY = 64
# A date of the year 2100 or later is none: nothing that is told afterwards would ever be newer.
FARTHEST = 4_102_444_800_000


def whole_cents(value: Any) -> int | None:
    """A number in cents; None for what is none, or more than any shop's money."""
    if type(value) is float or type(value) is int:
        # The receiver's way, quick: what a float is off by is far less than the fourth digit kept here.
        if not -MOST_AMOUNT <= value <= MOST_AMOUNT:
            return None
        nearest = round(value * 100)
        if abs(value * 100 - nearest) < 0.4:
            return nearest
        return floor(round(value * 100, 4) + 0.5) if value >= 0 else -floor(round(value * -100, 4) + 0.5)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return cents(number) if number.is_finite() and abs(number) <= MOST_AMOUNT else None


def money_cents(holder: Any, name: str) -> int | None:
    """`{name: {"value": 5}}` in cents of the base currency."""
    money = holder.get(name) if isinstance(holder, dict) else None
    return whole_cents(money.get("value")) if isinstance(money, dict) else None


def latest(stamps: Iterable[Any]) -> int:
    """The latest of some time stamps in milliseconds since 1970 UTC; 0 when there is none."""
    newest = 0
    for stamp in stamps:
        if type(stamp) is str and (told := _milliseconds(stamp)) > newest:
            newest = told
    return newest


# One object comes in several events, and its stamps with it.
@lru_cache(maxsize=4096)
def _milliseconds(stamp: str) -> int:
    try:
        found = read_milliseconds(stamp)
        return found if 0 < found < FARTHEST else 0
    except ValueError:
        return 0


def elements(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list; empty when there is no list."""
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if type(found) is list else []


def key(value: Any) -> str:
    """An object's id as part of a subject; "" for what cannot be one."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= MAX_KEY and text.isprintable() else ""


def yes(value: Any) -> bool:
    """True, also where it comes as text."""
    return value is True or (isinstance(value, str) and value.strip().casefold() == "true")


def content_hash(*parts: Any) -> str:
    """Stands for what counts of an object: 16 hexadecimal digits; null and empty are the same."""
    text = "\x1f".join("" if part is None else str(part).strip() for part in parts)
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()

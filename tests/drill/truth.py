"""What the shop's events mean for a CRM, in the drill's own words: nothing here asks the relay's code.

A meaning is true once its event happened in the shop. Amounts are cents, versions and times unix seconds.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sold:
    """A paid order: one logged sale of that total, at that time, for the contact of that address."""

    order: str
    email: str
    cents: int
    paid: int


@dataclass(frozen=True)
class Refunded:
    """An order refunded to `cents` of `total` so far."""

    order: str
    email: str
    cents: int
    total: int


@dataclass(frozen=True)
class Shown:
    """A field of a contact; the newest version is the one that stands."""

    email: str
    field: str
    value: str
    version: int


@dataclass(frozen=True)
class Tagged:
    """A tag of a contact."""

    email: str
    tag: str


@dataclass(frozen=True)
class Priced:
    """The price of a product; the newest version is the one that stands."""

    item: str
    cents: int
    version: int


Meaning = Sold | Refunded | Shown | Tagged | Priced


@dataclass(frozen=True)
class Event:
    """One thing that the shop says: its name, the REST object, what it means."""

    name: str
    payload: dict[str, Any]
    means: tuple[Meaning, ...]


@dataclass(frozen=True)
class Acknowledged:
    """A meaning of an event that the relay answered 200 to, first at that unix time."""

    meaning: Meaning
    at: float

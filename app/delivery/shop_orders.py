"""The shop's orders of a span of time, slice by slice: offsets skip rows while others come in, so a slice
is halved until its answer is one page. For app.delivery and tasks.

https://www.ultracart.com/api/#resource_order.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.ultracart.client import ORDERS_PAGE
from app.ultracart.client_answers import Page

Row = Mapping[str, Any]
# Asks for one page of at most ORDERS_PAGE orders that meet the criteria, from an offset.
Ask = Callable[[Mapping[str, str], int], Page]

DATES = ("creation", "payment", "refund")


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to just before `until`, both aware UTC in whole seconds."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> int:
        """How long it is."""
        return int((self.until - self.since).total_seconds())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading is: which of the dates, up to when it has read, and the next slice in seconds."""

    date: int
    at: datetime
    seconds: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step read: the orders dated from `begin` to just before `end`; `after` is None at the end.

    The shop counts both ends of a slice in, so an order may be among the rows of two: `holds` says of which.
    """

    rows: Sequence[Row]
    date: str
    begin: datetime
    end: datetime
    after: Place | None
    skipped: int = 0

    def holds(self, date: str, at: datetime | None) -> bool:
        """Whether what is dated so belongs to this slice and to no other."""
        return date == self.date and (at is None or self.begin <= at < self.end)


def first_place(span: Span) -> Place:
    """The beginning of a reading."""
    return Place(0, span.since, max(1, span.seconds))


def step(ask: Ask, span: Span, place: Place, dates: Sequence[str] = DATES) -> Step:
    """One slice, or none where it was too full: then `after` has a narrower one. Raises what `ask` raises."""
    end = min(place.at + timedelta(seconds=place.seconds), span.until)
    date = dates[place.date]
    criteria = {f"{date}_date_begin": place.at.isoformat(), f"{date}_date_end": end.isoformat()}
    page = ask(criteria, 0)
    full = page.more or len(page.rows) + page.skipped >= ORDERS_PAGE
    if full and place.seconds > 1:
        return Step((), date, place.at, place.at, replace(place, seconds=place.seconds // 2))
    rows, skipped = list(page.rows), page.skipped
    while page.more:
        # More than a page in one second: nothing is left but offsets.
        page = ask(criteria, page.next_offset)
        rows += page.rows
        skipped += page.skipped
    # The next slice is wider where this one was far from full.
    seconds = place.seconds * 2 if len(rows) < ORDERS_PAGE // 3 else place.seconds
    after = _after(span, replace(place, at=end, seconds=seconds), dates)
    return Step(rows, date, place.at, end, after, skipped)


def progress(span: Span, place: Place | None, dates: Sequence[str] = DATES) -> float:
    """How much of the reading is done, 0 to 1."""
    if place is None or not span.seconds:
        return 1.0
    done = place.date * span.seconds + (place.at - span.since).total_seconds()
    return float(done / (len(dates) * span.seconds))


def _after(span: Span, place: Place, dates: Sequence[str]) -> Place | None:
    if place.at < span.until:
        return place
    return Place(place.date + 1, span.since, max(1, span.seconds)) if place.date + 1 < len(dates) else None

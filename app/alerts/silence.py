"""Silence from a shop, measured in what is usual for its hours of the week; for app.alerts.rules. Pure.

The usual silence of an hour is the longest that covered that hour of the week in the four weeks before it. A
silence that reaches over several hours counts each part by its own: so a shop that sleeps at night or at the
weekend is not missed then, and one that sells twice a week is not missed for days.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.alerts.alert import Alert, larger_of
from app.alerts.readings import Readings, Rhythm
from app.alerts.wording import span_text, time_text

HOUR = timedelta(hours=1)
A_WEEK, WEEKS = 168, 4
# What is longer says no more.
MEASURED = timedelta(weeks=8)
# Hours before and after, for what comes earlier or later now and then. Simulated (random shops of one to
# 3,000 deliveries a day, around the clock, by day, in office hours): no page in vain, two warnings a year.
ABOUT = 1
# Nothing is said of less than three of these.
LEAST = timedelta(minutes=5)
WARN, PAGE = 3.0, 6.0


def silence(readings: Readings) -> Iterator[Alert]:
    """Shops from which nothing comes, while somebody listens."""
    for merchant_id, rhythm in readings.rhythms.items():
        until = min(readings.now, readings.listened_at or readings.now)
        if severity := larger_of(silences(rhythm, until), WARN, PAGE):
            lasted, since = span_text(until - rhythm.quiet_since), time_text(rhythm.quiet_since)
            what = f"{merchant_id}: nothing has come from the shop for {lasted}, since {since}"
            if usual := usual_silence(rhythm, _hour(until)):
                what += f"; the longest about this hour of the week was {span_text(usual)} in four weeks"
            yield Alert("silence", f"silence:{merchant_id}", severity, what)


def silences(rhythm: Rhythm, until: datetime) -> float:
    """How many usual silences have passed without a delivery; hours of which nothing is known count none."""
    passed = 0.0
    for begin, end in _hours(rhythm.quiet_since, min(until, rhythm.quiet_since + MEASURED)):
        usual = usual_silence(rhythm, _hour(begin))
        passed += (end - begin) / usual if usual else 0.0
    return passed


def usual_silence(rhythm: Rhythm, hour: int) -> timedelta | None:
    """The longest about this hour of the week in the four weeks before; None while one is not known."""
    first = 1 + max(0, hour - _hour(rhythm.quiet_since)) // A_WEEK
    weeks = [_longest(rhythm, hour - week * A_WEEK) for week in range(first, first + WEEKS)]
    known = [longest for longest in weeks if longest is not None]
    return max(LEAST, *known) if len(known) == WEEKS else None


def _longest(rhythm: Rhythm, hour: int) -> timedelta | None:
    about = range(hour - ABOUT, hour + ABOUT + 1)
    return max((rhythm.longest[one] for one in about if one in rhythm.longest), default=None)


def _hours(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The span cut at full hours."""
    while begin < end:
        cut = min(begin.replace(minute=0, second=0, microsecond=0) + HOUR, end)
        yield begin, cut
        begin = cut


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)

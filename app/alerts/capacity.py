"""How much of the budget and of Redis' memory is used, and when it will be short: pure arithmetic."""

from dataclasses import dataclass
from datetime import timedelta

from app.alerts.readings import AccountReading, Readings, Sample

# Until a day's work has been counted: contact, sale, and every other order a new product or a tag.
USUAL_REQUESTS_PER_FACT = 3.0
LEAST_FACTS = 20
MINUTES_A_DAY = 1440
# Admission answers 503 above this share of the memory (app.store.inbox).
MEMORY_STOP = 0.85
LEAST_HISTORY = timedelta(minutes=50)
WEEK = timedelta(days=7)
FAR_AWAY = 520.0


@dataclass(frozen=True, slots=True)
class BudgetForecast:
    """An account's day against its budget.

    `facts` came in the last 24 hours (or since the start, if that is less); `share` is what they need of a
    day's requests, 1.0 being all; `full_in` is when it will be all if the coming weeks grow as the last did.
    `clears_in` is how long what waits takes at the full rate.
    """

    facts: int
    requests_per_fact: float
    share: float
    full_in: timedelta | None
    clears_in: timedelta


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """Redis' memory: the `share` in use, and when intake stops (85 %) if it grows as in the last hour."""

    used: int
    limit: int
    share: float
    full_in: timedelta | None


def budget_forecast(account: AccountReading, readings: Readings) -> BudgetForecast:
    """The account's forecast; without a past, by what is usual."""
    past, now = readings.past, readings.sample()
    facts, requests = _grown(account.account, past.day, now)
    per_fact = requests / facts if facts >= LEAST_FACTS else USUAL_REQUESTS_PER_FACT
    a_day = account.rate_per_minute * MINUTES_A_DAY
    share = facts * per_fact / a_day
    before, _ = _grown(account.account, past.week_and_day, past.week)
    growth = share - before * per_fact / a_day if before else 0.0
    full_in = _times(WEEK, (1 - share) / growth) if growth > 0 else None
    clears_in = timedelta(minutes=account.waiting * per_fact / account.rate_per_minute)
    return BudgetForecast(facts, per_fact, share, full_in, clears_in)


def memory_forecast(readings: Readings) -> MemoryForecast | None:
    """The forecast of Redis' memory; None when it has no limit."""
    used, limit = readings.memory_used, readings.memory_limit
    if not limit:
        return None
    return MemoryForecast(used, limit, used / limit, _full_in(readings))


def lost_in_an_hour(readings: Readings) -> int:
    """How many wake-ups were lost within the last hour."""
    hour = readings.past.hour
    return readings.lost_wake_ups - hour.lost_wake_ups if hour else 0


def _full_in(readings: Readings) -> timedelta | None:
    hour = readings.past.hour
    if hour is None or readings.now - hour.at < LEAST_HISTORY:
        return None
    grown = readings.memory_used - hour.memory_used
    room = readings.memory_limit * MEMORY_STOP - readings.memory_used
    return _times(readings.now - hour.at, room / grown) if grown > 0 else None


def _times(span: timedelta, factor: float) -> timedelta | None:
    """So many spans; None where that is so far away that it says nothing."""
    return span * max(0.0, factor) if factor < FAR_AWAY else None


def _grown(account: str, before: Sample | None, after: Sample | None) -> tuple[int, int]:
    """Facts and requests between two samples; none while one of them is missing."""
    if before is None or after is None:
        return 0, 0
    facts = after.facts.get(account, 0) - before.facts.get(account, 0)
    requests = after.requests.get(account, 0) - before.requests.get(account, 0)
    return max(0, facts), max(0, requests)

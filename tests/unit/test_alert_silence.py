"""When a shop's silence is an alert: against what is usual at its hours, never where that is not known."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.alerts.readings import Readings, Rhythm
from app.alerts.rules import find_alerts
from app.alerts.silence import silences, usual_silence

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
# A Monday.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hour_of(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)


def rhythm_of(deliveries: list[datetime], begin: datetime) -> Rhythm:
    """What a receiver that beats all the time would have kept of these deliveries."""
    longest: dict[int, timedelta] = {}
    ends = [begin, *deliveries]
    for before, after in pairwise(ends):
        for hour in range(hour_of(before), hour_of(after) + 1):
            longest[hour] = max(longest.get(hour, timedelta()), after - before)
    return Rhythm(ends[-1], deliveries[-1] if deliveries else None, longest)


def every(step: timedelta, *, weeks: int = 5, office: bool = False) -> list[datetime]:
    """Deliveries at a regular distance until MONDAY, around the clock or from 8 to 18 on five days a week."""
    times = [MONDAY - weeks * WEEK + n * step for n in range(round(weeks * WEEK / step) + 1)]
    return [at for at in times if not office or (at.weekday() < 5 and 8 <= at.hour < 18)]


def shop(deliveries: list[datetime], weeks: int = 5) -> Rhythm:
    return rhythm_of(deliveries, MONDAY - weeks * WEEK)


def told(rhythm: Rhythm, now: datetime) -> str:
    """How severe it is, '' when nothing is said."""
    found = find_alerts(Readings(now, rhythms={"DEMO": rhythm}, listened_at=now))
    assert [alert.name for alert in found] in ([], ["silence"])
    return str(found[0].severity) if found else ""


def test_three_and_six_times_what_is_usual():
    often = shop(every(timedelta(minutes=30)))
    minutes = {89: "", 90: "warn", 179: "warn", 180: "page", 5000: "page"}
    assert {n: told(often, MONDAY + timedelta(minutes=n)) for n in minutes} == minutes


def test_the_words():
    now = MONDAY + timedelta(minutes=100)
    [alert] = find_alerts(Readings(now, rhythms={"DEMO": shop(every(timedelta(minutes=30)))}))
    assert (alert.name, alert.group) == ("silence", "silence:DEMO")
    assert alert.what == (
        "DEMO: nothing has come from the shop for 1 h 40 min, since 2026-03-02 00:00 UTC; the longest about "
        "this hour of the week was 30 min in four weeks"
    )


def test_a_busy_shop_is_not_missed_for_a_few_minutes():
    busy = shop(every(timedelta(minutes=1)))
    minutes = {14: "", 15: "warn", 30: "page"}
    assert {n: told(busy, MONDAY + timedelta(minutes=n)) for n in minutes} == minutes


def test_a_shop_that_sells_twice_a_week_is_not_missed_every_night():
    tuesdays = [MONDAY - n * WEEK + DAY + 10 * HOUR for n in range(6, 0, -1)]
    slow = shop(sorted([*tuesdays, *(at + 3 * DAY for at in tuesdays)]), weeks=6)
    friday = slow.quiet_since
    days = {1: "", 4: "", 9: "", 13: "warn", 30: "page"}
    assert {n: told(slow, friday + n * DAY) for n in days} == days


def test_a_shop_that_delivers_once_a_week_is_not_missed_before_the_third_week():
    weekly = shop(every(WEEK, weeks=8), weeks=8)
    days = {7: "", 14: "", 20: "", 22: "warn"}
    assert {n: told(weekly, MONDAY + n * DAY) for n in days} == days


def test_office_hours():
    office = shop(every(timedelta(minutes=30), office=True))
    friday_evening = MONDAY - 3 * DAY + 17.5 * HOUR
    assert office.quiet_since == friday_evening
    assert told(office, MONDAY + 8 * HOUR) == ""
    # A Monday on which nothing comes, though the weekend's silence is as it always was.
    assert told(office, MONDAY + 16 * HOUR) == "page"


def test_a_silence_that_began_at_night_is_told_in_the_morning():
    """Each of its hours counts by its own: by the night's alone it would be told half a day later."""
    times = [at for at in every(timedelta(minutes=10)) if not 0 < at.hour < 6]
    night = shop(times)
    assert told(night, MONDAY + 6 * HOUR) == ""
    assert told(night, MONDAY + 11 * HOUR) == "page"


@pytest.mark.parametrize("weeks", [0, 1, 2, 3])
def test_a_new_relay_knows_nothing_usual(weeks: int):
    young = shop(every(timedelta(minutes=10), weeks=weeks) if weeks else [MONDAY], weeks)
    assert told(young, MONDAY + 20 * HOUR) == ""
    assert told(Rhythm(MONDAY), MONDAY + 900 * DAY) == ""


def test_while_no_receiver_runs_the_silence_is_not_the_shops():
    often = {"DEMO": shop(every(timedelta(minutes=10)))}
    later = MONDAY + 9 * HOUR
    assert find_alerts(Readings(later, rhythms=often, listened_at=MONDAY + timedelta(minutes=5))) == []
    assert find_alerts(Readings(later, rhythms=often, listened_at=later)) != []


def test_hours_in_which_no_receiver_ran_count_nothing():
    often = shop(every(timedelta(minutes=10)))
    hole = {hour_of(MONDAY - 2 * WEEK) + n for n in range(-6, 13)}
    holed = replace(often, longest={hour: one for hour, one in often.longest.items() if hour not in hole})
    assert usual_silence(holed, hour_of(MONDAY)) is None
    assert silences(holed, MONDAY + 6 * HOUR) == 0
    assert told(holed, MONDAY + 16 * HOUR) == "page"


def test_one_bad_week_is_usual_for_four():
    """What was an outage once is not told for as long again: better late than in vain."""
    often = shop(every(timedelta(minutes=10)))
    bad = {**often.longest, hour_of(MONDAY - 2 * WEEK): 5 * HOUR}
    assert told(replace(often, longest=bad), MONDAY + 2 * HOUR) == ""
    assert usual_silence(replace(often, longest=bad), hour_of(MONDAY)) == 5 * HOUR


@pytest.mark.parametrize("a_day", [1, 12, 200])
def test_shops_that_sell_by_chance_are_never_paged_in_vain(a_day: int):
    """Ten weeks of deliveries at random, judged at the end of each silence."""
    chance = random.Random(a_day)
    at, deliveries = MONDAY, []
    while at < MONDAY + 10 * WEEK:
        at += timedelta(days=chance.expovariate(a_day))
        deliveries.append(at)
    whole = rhythm_of(deliveries, MONDAY)
    pages = [
        after
        for before, after in pairwise(deliveries)
        if before > MONDAY + 4 * WEEK and silences(replace(whole, quiet_since=before), after) >= 6
    ]
    assert pages == []

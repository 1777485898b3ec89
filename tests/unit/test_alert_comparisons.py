"""When the comparisons of a shop with the ledger are an alert, and how `relay status` tells of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.alerts.readings import Comparison, Readings, ShopReading
from app.alerts.rules import find_alerts
from app.cli.comparisons import comparison_words, shop_comparisons
from app.events import JobName

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
MIDNIGHT = NOW - timedelta(hours=4)
DAY = timedelta(days=1)
LAST_NIGHT = Comparison(MIDNIGHT - DAY, MIDNIGHT, NOW - timedelta(minutes=50), ended=True, progress=1.0)
LEFT = replace(LAST_NIGHT, completeness=99.5, different=3, admitted=1, unrepaired=2)


def reading(born: datetime | None = None, **comparisons: Comparison) -> Readings:
    named = {JobName(name.replace("_", "-")): one for name, one in comparisons.items()}
    return Readings(NOW, shops=(ShopReading("DEMO", comparisons=named),), born=born)


def told(readings: Readings) -> list[str]:
    return [alert.what for alert in find_alerts(readings)]


@pytest.mark.parametrize(
    "fine",
    [
        reading(nightly=LAST_NIGHT),
        # At 03:59 the last one ended with the midnight before the last.
        reading(nightly=replace(LAST_NIGHT, until=MIDNIGHT - DAY)),
        # What is under way is not yet late.
        reading(nightly=replace(LAST_NIGHT, ended=False, progress=0.4)),
        reading(nightly=replace(LEFT, unrepaired=0)),
        # A new relay has had no night.
        reading(born=NOW - timedelta(days=2)),
        reading(),
    ],
)
def test_nothing_is_wrong(fine: Readings):
    assert told(fine) == []


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (
            reading(nightly=replace(LAST_NIGHT, until=MIDNIGHT - 2 * DAY)),
            "has ended for the days after 2026-03-08 00:00 UTC, which is 2 days 4 h ago",
        ),
        (
            reading(nightly=replace(LAST_NIGHT, since=MIDNIGHT - 3 * DAY, ended=False, progress=0.9)),
            "has ended for the days after 2026-03-07 00:00 UTC",
        ),
        (reading(born=NOW - timedelta(days=2, hours=4)), "no nightly reconciliation has ended yet"),
    ],
)
def test_two_nights_without_a_comparison(late: Readings, words: str):
    [alert] = find_alerts(late)
    assert (alert.name, alert.severity, alert.group) == (
        "reconciliation", "warn", "reconciliation:DEMO:late",
    )  # fmt: skip
    assert words in alert.what


def test_what_it_could_not_repair_is_told_until_a_later_one_by_hand_finds_nothing():
    [what] = told(reading(nightly=LEFT))
    assert what == (
        "DEMO: 2 sales or refunds stand otherwise in the CRM than in the shop (nightly reconciliation of "
        "2026-03-09 00:00 UTC to 2026-03-10 00:00 UTC, 99.50 % complete)"
    )
    again = replace(LAST_NIGHT, at=NOW)
    assert told(reading(nightly=LEFT, by_hand=again)) == []
    for useless in (
        replace(again, at=LEFT.at),
        replace(again, ended=False),
        replace(again, unrepaired=1),
        replace(again, since=again.since + DAY / 2),
        replace(again, until=again.until - DAY / 2),
    ):
        assert told(reading(nightly=LEFT, by_hand=useless)) == [what]


def test_a_gap_counts_as_a_night_does():
    [what] = told(reading(nightly=LAST_NIGHT, gap=LEFT))
    assert "gap reconciliation of" in what


def words(readings: Readings) -> list[str]:
    return list(comparison_words({shop.merchant_id: shop_comparisons(shop) for shop in readings.shops}))


def test_the_status_in_words():
    assert words(reading()) == [
        "DEMO: not compared with the ledger yet; that is done each night after 03:00 UTC"
    ]
    backfill = Comparison(MIDNIGHT - 400 * DAY, MIDNIGHT, NOW, progress=0.414, admitted=1200)
    assert words(reading(nightly=LEFT, gap=LEFT, by_hand=LEFT, backfill=backfill)) == [
        "DEMO: nightly reconciliation of 2026-03-09 00:00 to 2026-03-10 00:00 UTC: 99.50 % complete, "
        "3 different, 1 admitted, 2 left to a person; ended at 2026-03-10 03:10",
        "DEMO: backfill of 2025-02-03 00:00 to 2026-03-10 00:00 UTC: 41% read, 1,200 admitted, last went on "
        "at 2026-03-10 04:00",
    ]

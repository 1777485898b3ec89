"""When a comparison is due: after a gap in the receiver's heartbeat, and each night for the day before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import InstanceMismatch, StoreUnavailable
from app.events import JobName
from app.services import Services
from app.settings import Secret
from app.store.records import milliseconds
from app.web.heartbeat import beat_once, late
from tasks.reconciliation import current
from tasks.reconciliation_due import MARGIN, reconcile_due
from tests.contract.shops import ShopAt
from tests.integration.orders import Order

pytestmark = pytest.mark.server

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


def due(services: Services, now: datetime) -> tuple[str, str]:
    """What ran at this time."""
    report = reconcile_due(replace(services, clock=lambda: now), services.settings.merchants["DEMO"])
    return report.poll, report.reason or report.ending


def alive(services: Services, at: datetime) -> None:
    """The receiver's last beat was then."""
    services.client.set("receiver:alive", milliseconds(at))


def span(services: Services, name: str) -> tuple[datetime, datetime]:
    job = current(services, services.settings.merchants["DEMO"], name)
    assert job is not None
    return job.span.since, job.span.until


def test_each_night_the_day_before_is_compared_once(services):
    assert due(services, MIDNIGHT + timedelta(hours=2)) == (JobName.NIGHTLY, "nothing is due")
    for _ in range(2):
        result = due(services, MIDNIGHT + timedelta(hours=3))
    assert result == (JobName.NIGHTLY, "nothing is due")
    assert span(services, JobName.NIGHTLY) == (MIDNIGHT - timedelta(days=1), MIDNIGHT)


def test_nights_that_were_missed_are_made_good(services):
    due(services, MIDNIGHT + timedelta(hours=3))
    due(services, MIDNIGHT + timedelta(days=3, hours=5))
    assert span(services, JobName.NIGHTLY) == (MIDNIGHT, MIDNIGHT + timedelta(days=3))


def test_a_regular_beat_leaves_no_gap_and_the_first_one_neither(services):
    assert [services.heartbeat.beat() for _ in range(3)] == [False] * 3
    assert services.heartbeat.gaps() == []


def test_a_gap_is_compared_once_it_lies_back(services, sandbox):
    now = services.clock()
    missed = Order(paid_at=(now - timedelta(minutes=20)).replace(microsecond=0))
    ShopAt(sandbox).fill(orders=[missed.payload()])
    alive(services, now - timedelta(minutes=30))
    assert services.heartbeat.beat()
    ((begin, end),) = services.heartbeat.gaps()
    assert abs((begin - now + timedelta(minutes=30)).total_seconds()) < 1
    assert due(services, end + MARGIN - timedelta(minutes=1))[0] == JobName.NIGHTLY
    later = end + MARGIN + timedelta(minutes=1)
    assert due(services, later) == (JobName.GAP, "done")
    since, until = span(services, JobName.GAP)
    assert since <= begin - MARGIN + timedelta(seconds=1)
    assert until >= end + MARGIN
    assert services.log.counts("ontraport:DEMO").states["sale"]["ready"] == 1
    assert due(services, later)[0] == JobName.NIGHTLY


def test_two_gaps_are_one_comparison(services):
    now = services.clock()
    for hours in (5, 2):
        alive(services, now - timedelta(hours=hours))
        services.heartbeat.beat()
    assert due(services, now + timedelta(minutes=30)) == (JobName.GAP, "done")
    assert span(services, JobName.GAP)[0] < now - timedelta(hours=5)


def test_without_a_key_nothing_is_compared(services):
    merchant = replace(services.settings.merchants["DEMO"], ultracart_key=Secret())
    assert reconcile_due(services, merchant).ending == "off"


def test_a_receiver_beats_although_its_store_comes_later(services):
    answers = iter([StoreUnavailable("down"), services.heartbeat.beat])

    def build():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    beat = late(build)
    beat_once(beat)
    assert services.heartbeat.last() is None
    beat_once(beat)
    assert services.heartbeat.last() is not None


def test_a_receiver_beats_again_once_its_store_was_accepted_anew(services):
    accepted = replace(services, mark=services.mark)
    services.client.set("relay:instance", "another")
    answers = iter([services.heartbeat.beat, accepted.heartbeat.beat])
    beat = late(lambda: next(answers))
    with pytest.raises(InstanceMismatch):
        beat()
    services.client.set("relay:instance", services.mark)
    assert beat() is False
    assert services.heartbeat.last() is not None
    with pytest.raises(StopIteration):
        next(answers)

"""A run over many dead letters: counted, a canary, a rate, progress, pause and cancel, and its result."""

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.delivery.replays import PATIENCE, Progress, ReplayRun, make_plan, plan_of
from app.services import Services
from app.store.letters import Wanted
from app.store.transmissions import Ending
from tests.stores import Clock, Kinds, Store, fact

pytestmark = pytest.mark.server


@pytest.fixture
def clock() -> Clock:
    """The run's clock."""
    return Clock()


@pytest.fixture
def services(store: Store, clock: Clock) -> Services:
    """What a run needs of the services."""
    return cast(Services, SimpleNamespace(dead_letters=store.letters, clock=clock))


@pytest.fixture
def tids(store: Store) -> list[str]:
    """Six dead sales of 10.00, the oldest first."""
    tids = sorted(store.sale(f"order:{n}") for n in range(6))
    for tid in tids:
        store.bury(tid)
    return tids


def steps(run: ReplayRun, clock: Clock) -> Iterator[Progress]:
    """The steps of a run whose caller waits as it is told."""
    for progress in run.steps():
        yield progress
        clock.move(progress.wait_seconds)


def work(store: Store, ending: Ending = Ending.DELIVERED, **more: Any) -> None:
    """A worker ends all that is ready."""
    for tid in [*store.waiting(), *store.handed()]:
        store.settle(store.claim(tid), ending, "as told", **more)


class TestThePlan:
    def test_it_counts_and_changes_nothing(self, store: Store, services: Services, tids: list[str]):
        refund = store.admit(fact("order:9", Kinds.REFUND, currency="EUR")) + ".1"
        store.bury(refund)
        before = store.dump()
        plan = make_plan(services, Wanted())
        assert store.dump() == before
        assert sorted(plan.ids) == sorted([*tids, refund])
        assert plan.ids == tuple(sorted(plan.ids))
        assert plan.kinds == {"sale": 6, "refund": 1}
        assert plan.money == {"USD": 6000, "EUR": 1000}

    def test_what_is_in_doubt_is_left_out_unless_it_is_named(
        self, store: Store, services: Services, tids: list[str]
    ):
        doubtful = store.sale("order:9")
        store.bury(doubtful, "unknown")
        plan = make_plan(services, Wanted(kind="sale"))
        assert (len(plan.ids), plan.in_doubt) == (6, 1)
        assert make_plan(services, Wanted(failure="unknown")).ids == (doubtful,)
        letter = store.letters.read([doubtful])[0]
        assert make_plan(services, Wanted(group=letter.group)).ids == (doubtful,)
        assert plan_of(services, [doubtful, "never.1"]).ids == (doubtful,)


def test_a_canary_goes_first_and_the_rest_when_it_went_well(
    store: Store, services: Services, clock: Clock, tids: list[str]
):
    run = ReplayRun(services, tids, canary=2, per_minute=0)
    seen = []
    for progress in steps(run, clock):
        seen.append(progress)
        if progress.stage == "canary":
            assert [store.state(tid) for tid in tids[2:]] == ["dead"] * 4
        work(store)
    assert {tid: store.state(tid) for tid in tids} == dict.fromkeys(tids, "delivered")
    assert {progress.stage for progress in seen} == {"canary", "rest"}
    assert (seen[-1].sent, seen[-1].total, seen[-1].endings) == (6, 6, {"delivered": 6})
    assert run.stopped == ""
    assert {result.ending for result in run.results()} == {"delivered"}


@pytest.mark.parametrize("ending", [Ending.DEAD, Ending.RETRYING])
def test_the_rest_is_left_alone_when_the_canary_did_not_go_well(
    store: Store, services: Services, clock: Clock, tids: list[str], ending: Ending
):
    run = ReplayRun(services, tids, canary=2, per_minute=0)
    for _ in steps(run, clock):
        work(store, ending, failure="invalid", delay_seconds=3600)
    assert "first 2" in run.stopped
    assert [store.state(tid) for tid in tids[2:]] == ["dead"] * 4
    first, *_, last = run.results()
    assert (first.ending, first.failure, first.reason) == (ending, "invalid", "as told")
    assert last.ending == "not sent"


def test_no_more_than_the_rate_are_sent(store: Store, services: Services, clock: Clock, tids: list[str]):
    run = ReplayRun(services, tids, canary=0, per_minute=30)
    began, sent = clock.now, []
    for _ in steps(run, clock):
        replayed = sum(store.state(tid) != "dead" for tid in tids)
        sent.append(((clock.now - began).total_seconds(), replayed))
        if replayed == 6:
            break
    assert all(number <= 1 + seconds / 2 for seconds, number in sent), sent
    assert sent[-1][0] == 10


def test_a_pause_does_not_let_the_rest_go_at_once(
    store: Store, services: Services, clock: Clock, tids: list[str]
):
    run = ReplayRun(services, tids, canary=0, per_minute=30)
    going = steps(run, clock)
    next(going)
    clock.move(3600)
    next(going)
    next(going)
    assert sum(store.state(tid) != "dead" for tid in tids) == 2


def test_who_stops_leaves_nothing_half_done_and_another_run_goes_on(
    store: Store, services: Services, clock: Clock, tids: list[str]
):
    run = ReplayRun(services, tids, canary=0, per_minute=60)
    going = steps(run, clock)
    while sum(store.state(tid) == "ready" for tid in tids) < 3:
        next(going)
    del going
    run.look()
    assert Counter(result.ending for result in run.results()) == {"ready": 3, "not sent": 3}
    work(store)
    again = ReplayRun(services, make_plan(services, Wanted()).ids, canary=0, per_minute=0)
    for _ in steps(again, clock):
        work(store)
    assert {store.state(tid) for tid in tids} == {"delivered"}
    assert store.counts() == {"delivered": 6}


def test_it_ends_when_nothing_moves_any_more(store: Store, services: Services, clock: Clock, tids: list[str]):
    run = ReplayRun(services, tids, canary=0, per_minute=0)
    began = clock.now
    last = list(steps(run, clock))[-1]
    assert PATIENCE <= clock.now - began < 2 * PATIENCE
    assert (last.sent, last.waiting) == (6, 6)
    assert {result.ending for result in run.results()} == {"ready"}


def test_what_is_not_dead_any_more_is_no_failure(
    store: Store, services: Services, clock: Clock, tids: list[str]
):
    run = ReplayRun(services, tids[:3], canary=1, per_minute=0)
    store.letters.discard(tids[0], actor="ann", reason="a test")
    store.letters.replay(tids[1])
    store.deliver(tids[1])
    for _ in steps(run, clock):
        work(store)
    assert [result.ending for result in run.results()] == ["not dead", "not dead", "delivered"]


def test_a_refund_waits_for_its_dead_sale_and_goes_after_it(store: Store, services: Services, clock: Clock):
    sale = store.sale()
    store.bury(sale)
    refund = store.admit(fact(kind=Kinds.REFUND)) + ".1"
    assert store.state(refund) == "held"
    run = ReplayRun(services, [sale], per_minute=0)
    for _ in steps(run, clock):
        work(store)
    assert (store.state(sale), store.state(refund)) == ("delivered", "ready")

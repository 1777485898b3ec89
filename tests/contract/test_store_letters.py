"""Dead letters: what they say, and how a person sends them again."""

from decimal import Decimal
from typing import Any

import pytest
import redis

from app.store import dead_letters
from app.store.letters import Wanted, grouped
from app.store.records import moment
from app.store.transmissions import Ending
from tests.stores import ACCOUNT, Kinds, Store, fact

pytestmark = pytest.mark.server


def test_a_dead_letter_says_what_and_why_and_how_much(store: Store):
    before = store.client.time()[0]
    event = store.admit(fact("order:DEMO-7", amount=Decimal("12.34")), order_id="DEMO-7")
    claimed = store.claim(f"{event}.1")
    store.settle(claimed, Ending.DEAD, "no e-mail address", failure="mapping")
    (letter,) = store.letters.list(ACCOUNT)
    assert letter == store.letters.show(f"{event}.1")
    assert (letter.kind, letter.account, letter.subject) == (Kinds.SALE, ACCOUNT, "order:DEMO-7")
    assert (letter.failure, letter.reason, letter.attempts) == ("mapping", "no e-mail address", 1)
    assert (letter.cents, letter.currency) == (1234, "USD")
    assert 0 <= letter.died_at.timestamp() - before < 5
    assert store.letters.payload(letter.event_id) == ("order_create", b'{"order_id":"DEMO-7"}')
    assert store.money() == {"USD": 1234}


def test_the_subjects_that_died_of_some_kinds_until_a_moment(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dead_letters, "PAGE", 1)
    for died, (subject, kind) in enumerate(
        [
            ("order:1", Kinds.SALE),
            ("order:2", Kinds.REFUND),
            ("order:3", Kinds.SALE),
            ("order:4", Kinds.SALE),
        ],
        1,
    ):
        tid = store.sale(subject, kind=kind)
        store.bury(tid)
        store.client.zadd(f"dead:{ACCOUNT}", {tid: died})
    assert store.letters.subjects(ACCOUNT, {Kinds.SALE}, moment(3)) == {"order:1", "order:3"}


def test_only_the_dead_are_shown(store: Store):
    tid = store.sale()
    assert store.letters.show(tid) is None
    assert store.letters.show("never.1") is None
    assert store.letters.payload("never") is None
    assert store.letters.list(ACCOUNT) == []


def test_the_latest_come_first_and_a_list_has_an_end(store: Store):
    tids = [store.sale(f"order:{n}") for n in range(4)]
    for died, tid in enumerate(tids, start=1):
        store.bury(tid)
        store.client.zadd(f"dead:{ACCOUNT}", {tid: died})
    assert [letter.id for letter in store.letters.list(ACCOUNT, limit=3)] == tids[:0:-1]
    assert store.letters.count(ACCOUNT) == 4


def test_a_replay_keeps_its_identity_and_begins_its_attempts_anew(store: Store):
    tid = store.sale()
    for _ in range(3):
        store.settle(store.claim(tid), Ending.RETRYING)
        store.pass_time(tid)
    store.bury(tid)
    before = store.client.time()[0] * 1000
    assert store.letters.replay(tid)
    assert store.state(tid) == "ready"
    assert store.letters.count(ACCOUNT) == 0
    assert store.counts() == {"ready": 1}
    assert store.money() == {"USD": 1000}
    claimed = store.claim(tid)
    assert claimed.attempt == 1
    assert claimed.replayed_ms >= before
    store.settle(claimed, Ending.DELIVERED)
    assert store.money() == {}


def test_a_replayed_poison_begins_without_its_deaths(store: Store):
    tid = store.sale()
    for alone in (False, False, False, True, True):
        store.claim(tid, alone=alone)
        store.pass_time(tid)
    assert store.letters.replay(tid)
    store.claim(tid)
    store.pass_time(tid)
    assert store.state(tid) == "ready"


@pytest.mark.parametrize("state", ["ready", "running", "retrying", "delivered", "unknown"])
def test_what_is_not_dead_is_not_replayed(store: Store, state: str):
    tid = "never.1" if state == "unknown" else store.sale()
    if state in ("running", "retrying", "delivered"):
        claimed = store.claim(tid)
    if state == "retrying":
        store.settle(claimed, Ending.RETRYING, delay_seconds=60)
    if state == "delivered":
        store.settle(claimed, Ending.DELIVERED)
    before = store.dump()
    assert not store.letters.replay(tid)
    assert store.dump() == before


def test_a_second_replay_does_nothing(store: Store):
    tid = store.sale()
    store.bury(tid)
    assert store.letters.replay(tid)
    assert not store.letters.replay(tid)
    assert store.wake_ups().count(tid) == 2


def test_it_knows_when_it_was_first_tried_and_how_often_it_was_replayed(store: Store):
    tid = store.sale()
    before = store.client.time()[0]
    store.bury(tid)
    first = store.letters.read([tid])[0]
    assert first.created_at is not None
    assert first.first_attempt_at is not None
    assert 0 <= first.first_attempt_at.timestamp() - before < 5
    assert (first.replays, first.replayed_at) == (0, None)
    store.letters.replay(tid)
    store.bury(tid)
    again = store.letters.read([tid])[0]
    assert (again.first_attempt_at, again.replays) == (first.first_attempt_at, 1)
    assert again.replayed_at is not None


class TestGroups:
    """What died of the same cause."""

    def test_they_bear_destination_class_code_and_field(self, store: Store):
        for n, sign in enumerate(["422/price", "422/price", "", "422/name"], start=1):
            tid = store.sale(f"order:{n}", amount=Decimal(n), currency="EUR" if n == 2 else "USD")
            store.settle(
                store.claim(tid),
                Ending.DEAD,
                f"no {n}",
                failure="invalid" if sign else "mapping",
                sign=sign,
                condition="permanent",
            )
        letters = store.letters.list(ACCOUNT)
        largest, *others = grouped(letters)
        assert (largest.key, largest.count) == (f"{ACCOUNT}/invalid/422/price", 2)
        assert largest.money == {"USD": 100, "EUR": 200}
        assert largest.reason == "no 2"
        assert {group.key for group in others} == {f"{ACCOUNT}/mapping", f"{ACCOUNT}/invalid/422/name"}
        assert {letter.condition for letter in letters} == {"permanent"}
        found = store.letters.find(Wanted(group=largest.key))
        assert {letter.subject for letter in found} == {"order:1", "order:2"}

    def test_a_poison_that_kills_is_one_of_them(self, store: Store):
        tid = store.sale()
        for alone in (False, False, False, True, True):
            store.claim(tid, alone=alone)
            store.pass_time(tid)
        (letter,) = store.letters.list(ACCOUNT)
        assert (letter.group, letter.condition) == (f"{ACCOUNT}/poison/killed", "poison")


class TestFinding:
    @pytest.fixture
    def tids(self, store: Store) -> list[str]:
        """Sales of orders 1 to 3, and a refund of order 9; each died a second after the one before."""
        tids = [store.sale(f"order:{n}") for n in (1, 2, 3)]
        tids.append(store.admit(fact("order:9", Kinds.REFUND)) + ".1")
        for n, tid in enumerate(tids, start=1):
            store.bury(tid, "invalid" if n == 1 else "mapping")
            store.client.zadd(f"dead:{ACCOUNT}", {tid: n * 1000})
        return tids

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (Wanted(), [3, 2, 1, 0]),
            (Wanted(account=ACCOUNT, kind="sale"), [2, 1, 0]),
            (Wanted(account="ontraport:OTHER"), []),
            (Wanted(failure="invalid"), [0]),
            (Wanted(subject="r:2"), [1]),
            (Wanted(since=moment(2000), until=moment(3000)), [2, 1]),
            (Wanted(kind="refund", failure="invalid"), []),
        ],
    )
    def test_all_that_fit_everything_that_is_given(
        self, store: Store, tids: list[str], wanted: Wanted, found: list[int]
    ):
        assert [letter.id for letter in store.letters.find(wanted)] == [tids[n] for n in found]

    def test_in_a_few_round_trips_however_many(self, store: Store, monkeypatch: pytest.MonkeyPatch):
        for n in range(25):
            store.bury(store.sale(f"order:{n}"))
        monkeypatch.setattr(dead_letters, "PAGE", 10)
        trips: list[int] = []
        execute = redis.client.Pipeline.execute

        def counted(self: Any, *args: Any, **more: Any) -> Any:
            trips.append(1)
            return execute(self, *args, **more)

        monkeypatch.setattr(redis.client.Pipeline, "execute", counted)
        assert len(list(store.letters.find(Wanted()))) == 25
        assert len(trips) == 3 * 3

"""A store that may have lost its last writes: it is noticed, nothing is handed out, then workers know."""

from collections.abc import Callable

import pytest

from app.errors import InstanceMismatch
from app.services import DAY
from app.store import look_first
from app.store.instance import milliseconds_now
from app.store.transmissions import Transmissions
from app.ultracart.parse import read_payload
from tests.stores import MARK, Store

pytestmark = pytest.mark.server

MINUTE = 60_000


@pytest.fixture
def unsynced(store: Store) -> Store:
    """A store whose server does not say that each write is on its disk."""
    days = {"payload_seconds": DAY, "exchange_seconds": DAY, "ledger_seconds": DAY}
    store.transmissions = Transmissions(store.scripts, read_payload, mark=MARK, synced=False, **days)
    return store


def another_server(store: Store, *, away_ms: int = 0) -> None:
    """What was known of the server is of another one, last seen so long ago."""
    store.tick()
    store.client.hset(
        "relay:server", mapping={"id": "0" * 40, "seen": milliseconds_now(store.client) - away_ms}
    )


def settle_down(store: Store) -> None:
    """The time passes in which calls of before may still end."""
    store.client.decrby("relay:look_first", 105_000)


def by_claim(store: Store) -> None:
    """A worker is the first to meet the server."""
    store.transmissions.claim("nobody's.1", "token")


def by_round(store: Store) -> None:
    """A dispatcher is."""
    store.tick()


@pytest.mark.parametrize("meet", [by_claim, by_round])
def test_another_server_without_a_sync_of_each_write_may_have_lost_some(
    unsynced: Store, meet: Callable[[Store], None]
):
    another_server(unsynced)
    assert look_first.since(unsynced.client) is None
    meet(unsynced)
    first = look_first.since(unsynced.client)
    assert first is not None
    meet(unsynced)
    assert look_first.since(unsynced.client) == first


def test_the_first_server_of_all_and_the_same_one_have_lost_nothing(unsynced: Store):
    unsynced.tick()
    unsynced.client.hset("relay:server", "seen", 1)
    unsynced.tick()
    assert look_first.since(unsynced.client) is None


def test_a_server_that_syncs_each_write_has_lost_nothing_when_it_comes_back_soon(store: Store):
    another_server(store, away_ms=9 * MINUTE)
    store.tick()
    assert look_first.since(store.client) is None


def test_one_that_was_away_for_long_may_be_a_copy_of_earlier_days(store: Store):
    another_server(store, away_ms=11 * MINUTE)
    store.tick()
    assert look_first.since(store.client)


def test_nothing_is_handed_out_until_what_was_under_way_has_ended(store: Store):
    handed = store.sale("order:handed")
    look_first.begin(store.client)
    waiting = store.sale("order:waiting")
    assert "the store lost writes" in store.refused(handed)
    store.tick()
    assert (store.wake_ups(), store.handed()) == ([handed], [])
    assert set(store.waiting()) == {handed, waiting}

    settle_down(store)
    store.tick()
    assert set(store.handed()) == {handed, waiting}
    assert store.claim(waiting).look_first_ms > 0


def test_a_worker_is_told_since_when_and_nothing_without_reason(store: Store):
    assert store.claim(store.sale("order:1")).look_first_ms == 0
    look_first.begin(store.client)
    settle_down(store)
    assert store.claim(store.sale("order:2")).look_first_ms == int(store.client.get("relay:look_first") or 0)
    look_first.end(store.client)
    assert store.claim(store.sale("order:3")).look_first_ms == 0


def test_a_round_does_nothing_on_a_store_that_is_not_ours(store: Store):
    store.sale()
    store.client.set("relay:instance", "somebody else's")
    before = store.dump()
    with pytest.raises(InstanceMismatch):
        store.tick(slots=4)
    assert store.dump() == before

"""A store that may have lost its last writes: it is noticed, nothing is handed out, then workers know."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import InstanceMismatch
from app.services import DAY
from app.store import look_first
from app.store.instance import milliseconds_now
from app.store.transmissions import Transmissions
from app.store.witness import FILE, Witness
from app.ultracart.parse import read_payload
from tests.stores import MARK, Store

pytestmark = pytest.mark.server

MINUTE = 60_000
# The id of another server.
BEFORE = "0" * 40


def transmissions_of(store: Store, **options: Any) -> Transmissions:
    """The worker's side of the store, of another process or with other options."""
    days: dict[str, Any] = {"payload_seconds": DAY, "exchange_seconds": DAY, "ledger_seconds": DAY}
    return Transmissions(store.scripts, read_payload, mark=MARK, **days, **options)


@pytest.fixture
def unsynced(store: Store) -> Store:
    """A store whose server does not say that each write is on its disk."""
    store.transmissions = transmissions_of(store, synced=False)
    return store


def another_server(store: Store, *, away_ms: int = 0) -> None:
    """What was known of the server is of another one, last seen so long ago."""
    store.tick()
    store.client.hset(
        "relay:server", mapping={"id": BEFORE, "seen": milliseconds_now(store.client) - away_ms}
    )


def settle_down(store: Store) -> None:
    """The time passes in which calls of before may still end."""
    store.client.decrby("relay:look_first", 105_000)


def test_another_server_without_a_sync_of_each_write_may_have_lost_some(unsynced: Store):
    another_server(unsynced)
    assert look_first.since(unsynced.client) is None
    unsynced.tick()
    first = look_first.since(unsynced.client)
    assert first is not None
    unsynced.tick()
    assert look_first.since(unsynced.client) == first


def test_nothing_is_claimed_on_a_server_that_no_round_has_looked_at(store: Store):
    tid = store.sale()
    another_server(store)
    assert "started again" in store.refused(tid)
    assert store.waiting() == [tid]
    store.tick(slots=1)
    assert store.claim(tid)


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


def started_again(store: Store) -> int:
    """Another server takes the store over at once; when it was seen last."""
    another_server(store)
    return int(store.client.hget("relay:server", "seen") or 0)


def process(store: Store, saw_ms: int = 0, data_dir: Path | None = None) -> Store:
    """A worker process on the same store, which saw the server before until then."""
    witness = Witness(data_dir)
    if saw_ms:
        witness.saw(BEFORE, saw_ms)
    return replace(store, transmissions=transmissions_of(store, witness=witness))


def test_a_copy_of_a_moment_ago_is_told_by_whoever_saw_more_of_the_store(store: Store):
    witness = process(store, started_again(store) + 1)
    witness.tick()
    first = look_first.since(store.client)
    assert first
    witness.tick()
    assert look_first.since(store.client) == first


def test_a_plain_restart_lost_nothing_that_anybody_saw(store: Store):
    seen = started_again(store)
    for saw_ms in (seen - 500, seen, 0):
        process(store, saw_ms).tick()
    assert look_first.since(store.client) is None


def test_who_saw_more_notices_also_when_another_process_met_the_copy_first(store: Store):
    witness = process(store, started_again(store) + MINUTE)
    process(store).tick()
    assert look_first.since(store.client) is None
    witness.tick()
    assert look_first.since(store.client)


def test_what_an_older_version_met_is_not_judged_by_what_it_did_not_write(store: Store):
    seen = started_again(store)
    here = store.client.info("server")["run_id"]
    store.client.hset("relay:server", mapping={"id": here, "was": f"{BEFORE} 1"})
    process(store, seen).tick()
    assert look_first.since(store.client) is None


def test_a_relay_that_is_started_on_a_copy_knows_from_its_data_directory(store: Store, tmp_path: Path):
    process(store, started_again(store) + MINUTE, tmp_path)
    process(store, data_dir=tmp_path).tick()
    assert look_first.since(store.client)


def test_what_was_seen_is_written_now_and_then(tmp_path: Path):
    witness = Witness(tmp_path)
    assert (witness.server, witness.seen_ms) == ("", 0)
    for seen_ms in (1_000, 2_000, 10_999):
        witness.saw("a", seen_ms)
    assert Witness(tmp_path).seen_ms == 1_000
    witness.saw("a", 11_000)
    assert Witness(tmp_path).seen_ms == 11_000
    witness.saw("b", 11_001)
    assert (Witness(tmp_path).server, Witness(tmp_path).seen_ms) == ("b", 11_001)


@pytest.mark.parametrize("text", ["", "a", "a b", "a -1"])
def test_a_file_that_says_nothing_is_none(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    assert (Witness(tmp_path).server, Witness(tmp_path).seen_ms) == ("", 0)


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path):
    gone = tmp_path / "gone"
    gone.write_text("a file, where the directory should be")
    witness = Witness(gone)
    witness.saw("a", 1)
    assert witness.server == "a"


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

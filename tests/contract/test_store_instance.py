"""Whose store it is: a store that came back empty, or another relay's, is never written to."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import redis

from app.errors import InstanceMismatch, StoreUnavailable
from app.store import instance
from app.store.connection import connect
from tests.servers import Valkey, free_port
from tests.stores import ACCOUNT

pytestmark = pytest.mark.server

open_store = partial(instance.open_store, sandbox=False)
accept_empty = partial(instance.accept_empty, sandbox=False)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(valkey: Valkey) -> redis.Redis:
    """An empty store."""
    return valkey.client


def test_a_first_start_makes_a_mark_and_both_sides_remember_it(client: redis.Redis, tmp_path: Path):
    mark = open_store(client, tmp_path / "var", "")
    assert len(mark) >= 24
    assert client.get(instance.KEY) == mark.encode()
    assert (tmp_path / "var" / "instance").read_text().strip() == mark
    assert open_store(client, tmp_path / "var", "") == mark
    assert list((tmp_path / "var").iterdir()) == [tmp_path / "var" / "instance"]


def test_two_processes_that_start_first_agree(client: redis.Redis, tmp_path: Path):
    marks = {open_store(client, tmp_path / name, "") for name in "abc"}
    assert len(marks) == 1


@pytest.mark.parametrize("configured", ["", "configured"])
def test_a_store_that_came_back_empty_is_refused(client: redis.Redis, tmp_path: Path, configured: str):
    accept_empty(client, tmp_path, configured)
    client.flushall()
    with pytest.raises(InstanceMismatch, match="relay init --accept-empty"):
        open_store(client, tmp_path, configured)
    assert client.dbsize() == 0


def test_another_relays_store_is_refused(client: redis.Redis, tmp_path: Path):
    open_store(client, tmp_path / "one", "")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "instance").write_text("another\n")
    with pytest.raises(InstanceMismatch):
        open_store(client, tmp_path / "two", "")
    with pytest.raises(InstanceMismatch):
        open_store(client, tmp_path / "three", "configured otherwise")
    assert not (tmp_path / "three").exists()


def test_a_configured_mark_counts_more_than_the_file(client: redis.Redis, tmp_path: Path):
    mark = open_store(client, tmp_path, "")
    (tmp_path / "instance").write_text("an old one\n")
    assert open_store(client, tmp_path, mark) == mark
    assert (tmp_path / "instance").read_text().strip() == mark


def test_a_disk_that_does_not_last_needs_only_the_store(client: redis.Redis, tmp_path: Path):
    mark = open_store(client, tmp_path / "dyno 1", "")
    assert open_store(client, tmp_path / "dyno 2", "") == mark


def test_an_accepted_store_begins_its_ledger_now(client: redis.Redis, tmp_path: Path):
    accept_empty(client, tmp_path, "")
    born = instance.born(client)
    assert abs(born.timestamp() - client.time()[0]) < 5
    client.set("relay:born", 1)
    accept_empty(client, tmp_path, "")
    assert instance.born(client) == datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)


def test_an_account_is_live_since_its_first_start(client: redis.Redis, tmp_path: Path):
    assert instance.live_since(client, tmp_path, ACCOUNT, None, NOW) == NOW
    assert instance.live_since(client, tmp_path, ACCOUNT, None, NOW + timedelta(days=9)) == NOW
    assert instance.live_since(client, tmp_path, "ontraport:OTHER", None, NOW + timedelta(days=9)) > NOW


def test_a_configured_start_counts_more(client: redis.Redis, tmp_path: Path):
    instance.live_since(client, tmp_path, ACCOUNT, None, NOW)
    earlier = NOW - timedelta(days=30)
    assert instance.live_since(client, tmp_path, ACCOUNT, earlier, NOW) == earlier


def test_a_store_that_is_away_is_no_mismatch(tmp_path: Path):
    gone = connect(f"redis://127.0.0.1:{free_port()}/0", tls_verify=True, timeout_seconds=1)
    with pytest.raises(StoreUnavailable):
        open_store(gone, tmp_path, "")
    assert list(tmp_path.iterdir()) == []

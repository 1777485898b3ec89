"""In which mode a store was made: what belongs to the sandbox never meets a real account, nor the reverse."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from app.errors import InstanceMismatch, ModeMismatch
from app.services import build_inbox, build_services, check_mode, drop_sandbox
from app.settings import Settings, load_settings
from app.store import instance
from tests.servers import REAL, Valkey
from tests.stores import ACCOUNT, arrival

pytestmark = pytest.mark.server

SWITCHED_ON = f"live:{ACCOUNT}"


class Relay:
    """A relay without and with keys, on one store and one data directory."""

    def __init__(self, valkey: Valkey, data_dir: Path) -> None:
        self.data_dir = data_dir
        shared = {"REDIS_URL": valkey.url, "RELAY_DATA_DIR": str(data_dir)}
        self.sandbox: Settings = load_settings(shared)
        self.live: Settings = load_settings({**shared, **REAL})

    def of(self, mode: str) -> Settings:
        """Its settings in that mode."""
        return self.sandbox if mode == instance.SANDBOX else self.live


@pytest.fixture
def client(valkey: Valkey) -> redis.Redis:
    """An empty store."""
    return valkey.client


@pytest.fixture
def relay(valkey: Valkey, tmp_path: Path) -> Relay:
    return Relay(valkey, tmp_path / "var")


BOTH = [(instance.SANDBOX, instance.LIVE), (instance.LIVE, instance.SANDBOX)]


@pytest.mark.parametrize(("made", "other"), BOTH)
def test_a_store_is_only_opened_in_the_mode_in_which_it_was_made(
    client: redis.Redis, relay: Relay, made: str, other: str
):
    services = build_services(relay.of(made))
    services.inbox.admit([arrival()], "DEMO")
    before = {key: client.dump(key) for key in client.scan_iter()}
    for build in (build_services, build_inbox, check_mode):
        with pytest.raises(ModeMismatch):
            build(relay.of(other))
    assert {key: client.dump(key) for key in client.scan_iter()} == before
    assert build_services(relay.of(made)).mark == services.mark
    check_mode(relay.of(made))


@pytest.mark.parametrize(("made", "other"), BOTH)
def test_a_data_directory_and_an_accepted_store_make_no_exception(
    client: redis.Redis, relay: Relay, tmp_path: Path, made: str, other: str
):
    instance.accept_empty(client, relay.data_dir, "", sandbox=made == instance.SANDBOX)
    for data_dir in (relay.data_dir, tmp_path / "another"):
        with pytest.raises(ModeMismatch):
            instance.open_store(client, data_dir, "", sandbox=other == instance.SANDBOX)


def test_a_store_of_an_earlier_version_becomes_live_with_keys_and_is_never_dropped(
    client: redis.Redis, relay: Relay
):
    mark = build_services(relay.sandbox).mark
    client.delete(instance.MODE)
    assert build_services(relay.sandbox).mark == mark
    assert not client.exists(instance.MODE), "a trial of it decides nothing"
    assert drop_sandbox(relay.live) is False
    assert build_services(relay.live).mark == mark
    assert client.get(instance.MODE) == b"live"
    with pytest.raises(ModeMismatch):
        build_services(relay.sandbox)


def test_only_one_of_two_modes_begins_an_empty_store(client: redis.Redis, relay: Relay, monkeypatch):
    """Both found it empty; the second one comes between the look and the beginning of the first."""
    begin = instance._begin

    def later(*args, **kwargs):
        monkeypatch.setattr(instance, "_begin", begin)
        instance.open_store(client, relay.data_dir / "other", "", sandbox=True)
        return begin(*args, **kwargs)

    monkeypatch.setattr(instance, "_begin", later)
    with pytest.raises(ModeMismatch):
        build_services(relay.live)
    assert client.get(instance.MODE) == b"sandbox"
    assert not relay.data_dir.joinpath("instance").exists()


def test_the_messages_tell_what_is_wrong_and_what_to_do(relay: Relay, client: redis.Redis):
    build_services(relay.sandbox)
    with pytest.raises(ModeMismatch, match=r"made in sandbox mode.* REDIS_URL .*relay init --accept-empty"):
        build_services(relay.live)
    client.set(instance.MODE, instance.LIVE)
    with pytest.raises(ModeMismatch, match="ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing"):
        build_services(relay.sandbox)


def test_a_real_account_is_live_since_its_own_first_start_not_that_of_the_trial(
    client: redis.Redis, relay: Relay
):
    build_services(relay.sandbox, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert not client.exists(SWITCHED_ON)
    client.flushdb()
    instance.accept_empty(client, relay.data_dir, "", sandbox=False)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert build_services(relay.live, clock=lambda: now).live_since == {ACCOUNT: now}


def test_what_the_sandbox_left_is_dropped_with_all_that_the_directory_knew_of_it(
    client: redis.Redis, relay: Relay
):
    before = build_services(relay.sandbox)
    before.inbox.admit([arrival()], "DEMO")
    # As earlier versions noted it in sandbox mode too.
    instance.live_since(client, relay.data_dir, ACCOUNT, None, datetime(2026, 1, 1, tzinfo=UTC))
    assert drop_sandbox(relay.sandbox) is False, "a trial goes on where it was"
    assert drop_sandbox(relay.live) is True
    assert set(client.scan_iter()) == {b"relay:instance", b"mode", b"relay:born"}
    now = datetime(2026, 3, 1, tzinfo=UTC)
    after = build_services(relay.live, clock=lambda: now)
    assert after.mark != before.mark
    assert after.live_since == {ACCOUNT: now}
    assert drop_sandbox(relay.live) is False
    assert client.exists(SWITCHED_ON)


def test_a_drop_that_ended_halfway_is_done_by_the_next_start(client: redis.Redis, relay: Relay, monkeypatch):
    build_services(relay.sandbox)
    with monkeypatch.context() as patched:
        patched.setattr(instance, "_begin", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            drop_sandbox(relay.live)
    assert drop_sandbox(relay.live) is True
    build_services(relay.live)


@pytest.mark.parametrize("mode", [None, "live", "sandbox-2", ""])
def test_nothing_but_a_sandbox_is_dropped(client: redis.Redis, relay: Relay, mode: str | None):
    build_services(relay.live)
    client.delete(instance.MODE)
    if mode is not None:
        client.set(instance.MODE, mode)
    before = {key: client.dump(key) for key in client.scan_iter()}
    assert drop_sandbox(relay.live) is False
    assert drop_sandbox(relay.sandbox) is False
    assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_a_sandbox_under_another_mark_is_not_ours_to_drop(client: redis.Redis, relay: Relay):
    """A lost REDIS_URL, keys and RELAY_INSTANCE in place: the empty store would sell everything again."""
    build_services(relay.sandbox)
    (relay.data_dir / "instance").write_text("that of the store which is lost\n")
    assert drop_sandbox(relay.live) is False
    assert client.get(instance.MODE) == b"sandbox"
    with pytest.raises(InstanceMismatch):
        build_services(relay.live)

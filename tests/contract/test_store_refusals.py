"""A store that cannot write: it says StoreUnavailable, and nothing of the delivery is half-written."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from app.errors import StoreUnavailable
from app.events import Unreadable
from app.store.ledger import Go
from app.store.transmissions import Ending
from tests.servers import Valkey, free_port, wait_until
from tests.stores import ACCOUNT, Kinds, Store, arrival, fact, three_kinds

pytestmark = pytest.mark.server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that the test may break; it would save snapshots, so that a failing one stops writes."""
    directory = tmp_path / "valkey"
    directory.mkdir()
    server = Valkey(directory, ["--appendonly", "no", "--save", "3600 1"])
    server.log = tmp_path / "valkey.log"
    server.start()
    yield server
    server.client.close()
    server.kill()


@pytest.fixture
def own_store(own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store on that Valkey."""
    three_kinds(monkeypatch)
    return Store.on(own_valkey.client)


WRONG_FOR_A_NEW_FACT = [
    f"l:{ACCOUNT}:order:1",
    f"n:{ACCOUNT}",
    f"money:{ACCOUNT}",
    f"ready:{ACCOUNT}:sale",
    f"handed:{ACCOUNT}:sale",
    f"handed:{ACCOUNT}:refund",
    f"g:{ACCOUNT}",
    "sale",
    "accounts",
    "n:events",
    "relay:sequence",
    "relay:window",
    "running",
]


@pytest.mark.parametrize("key", WRONG_FOR_A_NEW_FACT)
def test_a_key_of_a_wrong_type_stops_admission_before_anything_is_written(store: Store, key: str):
    store.client.xadd(key, {"wrong": "type"})
    delivery = [arrival(fact()), arrival(fact(kind=Kinds.REFUND)), arrival(fact("order:2"))]
    before = store.dump()
    with pytest.raises(StoreUnavailable):
        store.inbox.admit(delivery, "DEMO")
    assert store.dump() == before
    store.client.delete(key)
    assert store.inbox.admit(delivery, "DEMO").accepted == 3
    assert store.counts() == {"ready": 2}
    assert store.money() == {"USD": 3000}


@pytest.mark.parametrize("key", ["t:{tid}", "er:{event}", f"dead:{ACCOUNT}", "due"])
def test_a_key_of_a_wrong_type_stops_a_replacement_before_anything_is_written(store: Store, key: str):
    event = store.admit(fact(), fact("order:2"))
    tid = event + ".1"
    store.bury(tid)
    key = key.format(tid=tid, event=event)
    store.client.rename(key, "aside") if store.client.exists(key) else None
    store.client.xadd(key, {"wrong": "type"})
    newer = arrival(fact(version=2))
    before = store.dump()
    with pytest.raises(StoreUnavailable):
        store.inbox.admit([newer], "DEMO")
    assert store.dump() == before
    store.client.delete(key)
    store.client.rename("aside", key) if store.client.exists("aside") else None
    store.inbox.admit([newer], "DEMO")
    assert store.state(tid) == "ready"
    assert store.counts() == {"ready": 2}


def test_a_quarantine_of_a_wrong_type(store: Store):
    store.client.xadd("quarantine", {"wrong": "type"})
    before = store.dump()
    with pytest.raises(StoreUnavailable):
        store.inbox.admit([Unreadable("no", b"{")], "DEMO")
    assert store.dump() == before


def test_a_read_only_replica(own_store: Store):
    delivery = [arrival(fact("order:2"))]
    claimed = own_store.claim(own_store.sale())
    before = own_store.dump()
    own_store.client.replicaof("127.0.0.1", free_port())
    with pytest.raises(StoreUnavailable):
        own_store.inbox.admit(delivery, "DEMO")
    with pytest.raises(StoreUnavailable):
        own_store.inbox.ready()
    with pytest.raises(StoreUnavailable):
        own_store.settle(claimed, Ending.DELIVERED)
    assert own_store.dump() == before
    own_store.client.replicaof("NO", "ONE")
    assert own_store.inbox.admit(delivery, "DEMO").accepted == 1
    own_store.settle(claimed, Ending.DELIVERED)


def test_a_disk_that_cannot_be_written(own_store: Store, own_valkey: Valkey):
    tid = own_store.sale()
    before = own_store.dump()
    shutil.rmtree(own_valkey.log.parent / "valkey")
    own_store.client.bgsave()
    wait_until(lambda: own_store.client.info("persistence")["rdb_last_bgsave_status"] == "err")
    with pytest.raises(StoreUnavailable, match="MISCONF"):
        own_store.sale("order:2")
    with pytest.raises(StoreUnavailable):
        own_store.inbox.ready()
    with pytest.raises(StoreUnavailable):
        own_store.claim(tid)
    assert own_store.dump() == before


def test_a_store_that_is_gone(own_store: Store, own_valkey: Valkey):
    own_valkey.kill()
    with pytest.raises(StoreUnavailable):
        own_store.sale()
    with pytest.raises(StoreUnavailable):
        own_store.inbox.ready()
    with pytest.raises(StoreUnavailable):
        own_store.tick()


def test_a_store_that_hangs_is_told_as_not_ready_before_a_delivery_is_given_up(own_store: Store):
    own_store.inbox.ready()
    own_store.sale()
    ended: list[str] = []

    def gives_up(name: str, action: Callable[[], object]) -> None:
        with pytest.raises(StoreUnavailable):
            action()
        ended.append(name)

    # Longer than both of them wait.
    own_store.client.client_pause(8000, all=True)
    delivery = [arrival(fact("order:2"))]
    threads = [
        threading.Thread(target=gives_up, args=("admit", lambda: own_store.inbox.admit(delivery, "DEMO"))),
        threading.Thread(target=gives_up, args=("ready", own_store.inbox.ready)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == ["ready", "admit"]


def fill(client: redis.Redis, above: int = 0) -> None:
    """Sets the limit so that Redis is `above` bytes over it."""
    used = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory", used - above)


def test_a_full_store_refuses_admission_and_still_ends_what_it_owns(own_store: Store):
    tid, other, third = own_store.sale(), own_store.sale("order:2"), own_store.sale("order:3")
    fill(own_store.client, above=100_000)
    before = own_store.dump()
    own_store.inbox._memory_checked = float("inf")  # The check is behind: Redis itself refuses.
    with pytest.raises(StoreUnavailable, match="maxmemory"):
        own_store.sale("order:4")
    assert own_store.dump() == before
    claimed = own_store.claim(tid)
    assert isinstance(own_store.announce(claimed, "log_sale 1"), Go)
    own_store.ledger.complete(
        claimed.id, claimed.token, writes=[("c:contact", "id", "7")], exchanges=[b"exchange"]
    )
    own_store.settle(claimed, Ending.DELIVERED)
    own_store.bury(other)
    assert own_store.letters.replay(other)
    own_store.settle(own_store.claim(third), Ending.RETRYING)
    own_store.tick()
    assert own_store.counts() == {"delivered": 1, "ready": 2}
    own_store.client.config_set("maxmemory", 0)
    assert own_store.sale("order:4")


def test_admission_stops_before_the_store_is_full_and_goes_on_by_itself(own_store: Store):
    client = own_store.client
    used = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory", int(used / 0.9))
    with pytest.raises(StoreUnavailable, match="85 %"):
        own_store.sale()
    with pytest.raises(StoreUnavailable, match=r"85 %|maxmemory"):
        own_store.inbox.ready()
    client.config_set("maxmemory", used * 2)
    own_store.inbox._memory_checked = 0.0
    assert own_store.sale()

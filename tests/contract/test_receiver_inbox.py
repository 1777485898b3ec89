"""The inbox in memory answers as the real one does: the receiver's tests lean on that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from app.services import build_inbox
from app.settings import load_settings
from app.store.async_inbox import AsyncInbox
from app.web import create_app
from app.web.inbox import Inbox
from tests.receiver import PATH, FakeInbox, basic, delivery, order, settings
from tests.rsgi import LoopClient
from tests.servers import Valkey, wait_until

pytestmark = pytest.mark.server

WAYS = ["flask", "loop"]
Client = FlaskClient | LoopClient
Told = tuple[int, dict[str, int], tuple[int, ...]]


@pytest.fixture(params=["fake", "real"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Inbox:
    if request.param == "fake":
        return FakeInbox()
    valkey: Valkey = request.getfixturevalue("valkey")
    return build_inbox(load_settings({"REDIS_URL": valkey.url, "RELAY_DATA_DIR": str(tmp_path)}))


@contextmanager
def asking(way: str, inbox: Inbox) -> Iterator[Client]:
    """Through Flask, or on an event loop."""
    app = create_app(settings(limit=10 * 1024 * 1024), inbox)
    with app.test_client() if way == "flask" else LoopClient(app) as client:
        yield client
        if isinstance(client, LoopClient) and isinstance(inbox, AsyncInbox):
            client.run(inbox.close_async())


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, inbox: Inbox) -> Iterator[Client]:
    with asking(request.param, inbox) as one:
        yield one


def told(client: Client, bodies: Sequence[bytes]) -> list[Told]:
    """Status, counts and ids of each answer; ids by the order in which they were first seen."""
    order_of_ids: dict[str, int] = {}
    answers = []
    for body in bodies:
        response = client.post(PATH, data=body, headers={"Authorization": basic()})
        counts: dict[str, Any] = orjson.loads(response.data)
        ids = counts.pop("ids")
        places = tuple(order_of_ids.setdefault(one, len(order_of_ids)) for one in ids)
        answers.append((response.status_code, counts, places))
    return answers


def counts(accepted: int = 0, duplicates: int = 0, ignored: int = 0, quarantined: int = 0) -> dict[str, int]:
    return {
        "accepted": accepted,
        "duplicates": duplicates,
        "ignored": ignored,
        "quarantined": quarantined,
    }


def test_every_fate_and_the_ids_of_duplicates(client: Client) -> None:
    unknown = {"brand_new_event": {"merchant_id": "DEMO", "n": 1}}
    assert told(
        client,
        [
            delivery(order("A"), unknown, {"x": 1}, order("A")),
            delivery(order("B"), order("A"), unknown),
            b"not JSON",
            b"not JSON",
            delivery(order("A", merchant_id="OTHER")),
        ],
    ) == [
        (200, counts(accepted=1, duplicates=1, ignored=1, quarantined=1), (0, 1, 2, 0)),
        (200, counts(accepted=1, duplicates=2), (3, 0, 1)),
        (200, counts(quarantined=1), (4,)),
        (200, counts(quarantined=1), (5,)),
        (200, counts(quarantined=1), (6,)),
    ]


def test_thousands_of_events_and_the_same_again(client: Client) -> None:
    body = delivery(*(order(f"DEMO-{n}") for n in range(1201)))
    first, second = told(client, [body, body])
    assert first == (200, counts(accepted=1201), tuple(range(1201)))
    assert second == (200, counts(duplicates=1201), tuple(range(1201)))


def test_a_ready_inbox_says_nothing(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_the_real_store_gone_and_back(tmp_path: Path, way: str) -> None:
    """503 while it is away, and what was acknowledged before is still known after."""
    store = Valkey(tmp_path)
    store.start()
    inbox = build_inbox(load_settings({"REDIS_URL": store.url, "RELAY_DATA_DIR": str(tmp_path / "var")}))
    with asking(way, inbox) as client:
        headers = {"Authorization": basic()}
        assert client.post(PATH, data=delivery(order("BEFORE")), headers=headers).status_code == 200
        store.kill()
        refused = client.post(PATH, data=delivery(order("DURING")), headers=headers)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert client.get("/readyz").status_code == 503
        store.start()
        after = client.post(PATH, data=delivery(order("BEFORE"), order("DURING")), headers=headers)
        assert orjson.loads(after.data)["duplicates"] == 1
        assert orjson.loads(after.data)["accepted"] == 1
        store.kill()


@pytest.mark.parametrize("way", WAYS)
def test_admission_stops_before_redis_does(tmp_path: Path, valkey: Valkey, way: str) -> None:
    inbox = build_inbox(load_settings({"REDIS_URL": valkey.url, "RELAY_DATA_DIR": str(tmp_path / "var")}))
    headers = {"Authorization": basic()}
    with asking(way, inbox) as client:
        valkey.client.config_set("maxmemory", int(valkey.client.info("memory")["used_memory"] / 0.9))
        assert client.post(PATH, data=delivery(order("FULL")), headers=headers).status_code == 503
        valkey.client.config_set("maxmemory", 0)
        wait_until(
            lambda: client.post(PATH, data=delivery(order("FULL")), headers=headers).status_code == 200,
            what="room",
        )

"""A delivery gets the same answer on the event loop, past Flask, as through it."""

import asyncio
import gzip
import threading
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from app.delivery import intake
from app.errors import StoreUnavailable
from app.events import Admission, Arrival, Unreadable
from app.web import body, create_app, lane
from app.web.lane import Lane, lane_of
from tests.receiver import LIMIT, PATH, FakeInbox, basic, delivery, merchant, order, settings
from tests.rsgi import Told, ask, asked


def build(inbox: FakeInbox, limit: int = LIMIT) -> Lane:
    return lane_of(create_app(settings(limit=limit), inbox))


def post(way: Lane, data: bytes | Exception, path: str = PATH, **headers: str) -> Told:
    size = (
        {}
        if isinstance(data, Exception) or "Transfer_Encoding" in headers
        else {"Content_Length": str(len(data))}
    )
    return ask(way, "POST", path, data, **{"Authorization": basic()} | size | headers)


def through_flask(inbox: FakeInbox, data: bytes, path: str = PATH, **headers: str) -> Told:
    size = {"CONTENT_LENGTH": headers.pop("Content_Length")} if "Content_Length" in headers else {}
    client = create_app(settings(), inbox).test_client()
    named = {"Authorization": basic()} | headers
    response = client.post(path, data=data, headers=named, environ_overrides=size)
    told = sorted((name, value) for name, value in response.headers if name != "Content-Length")
    return response.status_code, told, response.data


@pytest.mark.parametrize(
    ("status", "data", "path", "headers"),
    [
        (200, delivery(), PATH, {}),
        (200, delivery(), f"{PATH}/DEMO", {}),
        (400, b"[]", PATH, {"Content_Length": "10"}),
        (401, delivery(), PATH, {"Authorization": basic(secret="wrong")}),
        (404, delivery(), f"{PATH}/NOBODY", {}),
        (413, b" " * (LIMIT + 1), PATH, {}),
    ],
)
def test_both_ways_answer_the_same(status: int, data: bytes, path: str, headers: dict[str, str]) -> None:
    straight = post(build(FakeInbox()), data, path, **headers)
    assert straight == through_flask(FakeInbox(), data, path, **dict(headers))
    assert straight[0] == status


def test_both_ways_say_that_the_store_is_away() -> None:
    inbox = FakeInbox()
    inbox.failure = StoreUnavailable("away")
    straight = post(build(inbox), delivery(order()))
    assert straight == through_flask(inbox, delivery(order()))
    assert straight[0] == 503


def test_both_ways_lead_to_the_same_inbox() -> None:
    inbox = FakeInbox()
    status, _, first = post(build(inbox), delivery(order("A")))
    assert status == 200
    assert b'"accepted":1' in first
    assert b'"duplicates":1' in through_flask(inbox, delivery(order("A")))[2]
    assert [arrival.event.object_key for arrival in inbox.arrivals] == ["A"]


@pytest.mark.parametrize("spelling", ["KÄSE", "K%C3%84SE"])
def test_a_merchant_whose_id_looks_different_in_a_path(spelling: str) -> None:
    inbox = FakeInbox()
    way = lane_of(create_app(settings(merchant("KÄSE")), inbox))
    assert post(way, b"x", f"{PATH}/{spelling}")[0] == 200
    assert inbox.merchants == ["KÄSE"]


def test_a_chunked_body_is_counted() -> None:
    way, inbox = build(inbox := FakeInbox()), inbox
    assert post(way, delivery(order("A")), Transfer_Encoding="chunked")[0] == 200
    assert post(way, b" " * (LIMIT + 1), Transfer_Encoding="chunked")[0] == 413
    assert len(inbox.kept) == 1


def test_a_client_that_is_gone_delivered_nothing() -> None:
    inbox = FakeInbox()
    assert post(build(inbox), RuntimeError("the transport is closed"), Content_Length="10")[0] == 400
    assert not inbox.kept


def test_a_fault_of_ours_is_a_short_500() -> None:
    status, _, told = post(build(FakeInbox()), ValueError("secret"), Content_Length="10")
    assert (status, told) == (500, b'{"error":"internal error"}')


def test_a_body_that_does_not_end_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(bytes):
        """Never whole."""

    async def stall(*_: Any) -> bytes:
        await asyncio.sleep(3600)
        return b""

    monkeypatch.setattr(body, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr("tests.rsgi.Protocol.__call__", stall)
    assert post(build(FakeInbox()), Endless(b"[]"))[0] == 408


def test_what_the_store_chokes_on_is_kept_whole() -> None:
    inbox = FakeInbox()
    inbox.fails_on = lambda item: isinstance(item, Arrival)
    status, _, told = post(build(inbox), delivery(order()))
    assert (status, orjson.loads(told)["quarantined"]) == (200, 1)
    assert [kept.body for kept in inbox.quarantine] == [delivery(order())]


def packed(*events: dict[str, Any]) -> bytes:
    return orjson.dumps({"events": b64encode(gzip.compress(orjson.dumps(events))).decode()})


@pytest.mark.parametrize(
    "data",
    [
        delivery(*(order(f"LONG-{n}") for n in range(2000))),
        gzip.compress(delivery(order("A"))),
        packed(order("A")),
    ],
    ids=["long", "gzipped", "packed"],
)
def test_what_takes_long_to_read_is_read_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    readers: list[str] = []
    understand = intake.understand

    def watched(*told: Any) -> Sequence[Arrival | Unreadable]:
        readers.append(threading.current_thread().name)
        return understand(*told)

    monkeypatch.setattr(lane, "understand", watched)
    inbox = FakeInbox()
    assert post(build(inbox, limit=10_000_000), data)[0] == 200
    assert post(build(inbox), delivery(order("SHORT")))[0] == 200
    assert readers[0].startswith("reader")
    assert readers[1] == threading.current_thread().name


def test_a_slow_store_stops_nobody_else() -> None:
    class Slow(FakeInbox):
        """Waits with the first until the second has been taken."""

        second = asyncio.Event()

        async def admit_async(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
            if items[0].event.object_key == "FIRST":  # type: ignore[union-attr]  # all are arrivals
                await self.second.wait()
            self.second.set()
            return self.admit(items, merchant_id)

    async def both() -> list[Told]:
        way, told = build(inbox), {"Authorization": basic()}
        bodies = [delivery(order("FIRST")), delivery(order("SECOND"))]
        return await asyncio.gather(
            *(asked(way, "POST", PATH, one, **told, Content_Length=str(len(one))) for one in bodies)
        )

    inbox = Slow()
    assert [status for status, _, _ in asyncio.run(both())] == [200, 200]
    assert [arrival.event.object_key for arrival in inbox.arrivals] == ["SECOND", "FIRST"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("HEAD", "/livez", 200),
        ("GET", "/nowhere", 404),
        ("GET", PATH, 405),
        ("OPTIONS", f"{PATH}/DEMO", 405),
        ("POST", "/livez", 405),
        ("POST", f"{PATH}/", 404),
        ("POST", f"/{PATH}", 404),
        ("POST", f"//{PATH}/DEMO", 404),
    ],
)
def test_everything_else_is_a_page(method: str, path: str, status: int) -> None:
    inbox = FakeInbox()
    assert ask(build(inbox), method, path, delivery(order()), Authorization=basic())[0] == status
    assert not inbox.kept


def test_a_page_knows_who_asks_and_for_what() -> None:
    way = build(FakeInbox())
    assert ask(way, "GET", "/api/pixel.json?merchant=DEMO", Host="127.0.0.1:8000")[0] == 409
    assert ask(way, "GET", "/api/pixel.json?merchant=NOBODY", Host="127.0.0.1:8000")[0] == 404
    for header in ("Forwarded", "X_Forwarded_For", "Via"):
        assert ask(way, "GET", "/api/pixel.json", Host="127.0.0.1:8000", **{header: "x"})[0] == 403  # type: ignore[arg-type]
    assert ask(way, "GET", "/api/pixel.json", Host="evil.example")[0] == 403

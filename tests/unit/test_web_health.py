"""Health, metrics, short errors and headers."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest
from flask.testing import FlaskClient

from app.errors import InstanceMismatch, StoreUnavailable
from app.events import Unreadable
from app.web import create_app
from app.web.inbox import LateInbox
from app.web.lifetime import Lifetime
from app.web.metrics import Reading
from tests.receiver import PATH, FakeInbox, basic, delivery, order, settings
from tests.rsgi import LoopClient


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
def client(inbox: FakeInbox) -> FlaskClient:
    return create_app(settings(), inbox).test_client()


def test_alive_whatever_the_store_does(client: FlaskClient, inbox: FakeInbox) -> None:
    inbox.failure = StoreUnavailable("down")
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("failure", [StoreUnavailable("redis://:secret@host"), InstanceMismatch("x")])
def test_ready_only_while_the_store_takes_writes(
    client: FlaskClient, inbox: FakeInbox, failure: Exception
) -> None:
    assert client.get("/readyz").status_code == 200
    inbox.failure = failure
    response = client.get("/readyz")
    assert response.status_code == 503
    assert b"secret" not in response.data
    inbox.failure = None
    assert client.get("/readyz").status_code == 200


def test_not_ready_once_the_end_is_announced(inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lifetime, "stopping", lambda self: True)
    client = create_app(settings(), inbox).test_client()
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    answer = client.post(PATH, data=delivery(order()), headers={"Authorization": basic()})
    assert answer.status_code == 200


def scrape(client: FlaskClient) -> list[str]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=")
    return response.text.splitlines()


def test_deliveries_and_events_are_counted(client: FlaskClient, inbox: FakeInbox) -> None:
    headers = {"Authorization": basic()}
    for _ in range(2):
        client.post(PATH, data=delivery(order("A"), order("B"), {"new_one": {}}, {"x": 1}), headers=headers)
    client.post(PATH, data=b"[]")
    client.post(f"{PATH}/NOBODY", data=b"[]")
    inbox.failure = StoreUnavailable("down")
    client.post(PATH, data=delivery(order()), headers=headers)
    lines = scrape(client)
    for line in (
        'relay_deliveries_total{answer="200"} 2.0',
        'relay_deliveries_total{answer="401"} 1.0',
        'relay_deliveries_total{answer="404"} 1.0',
        'relay_deliveries_total{answer="413"} 0.0',
        'relay_deliveries_total{answer="503"} 1.0',
        'relay_events_total{fate="accepted"} 2.0',
        'relay_events_total{fate="duplicates"} 3.0',
        'relay_events_total{fate="ignored"} 1.0',
        'relay_events_total{fate="quarantined"} 2.0',
        "relay_delivery_seconds_count 5.0",
    ):
        assert line in lines


def test_the_stores_numbers_are_asked_for_when_scraped(inbox: FakeInbox) -> None:
    asked = []

    def readings() -> Iterable[Reading]:
        asked.append(1)
        yield Reading("open", "Open transmissions", 3, {"kind": "sale"})
        yield Reading("open", "Open transmissions", 4, {"kind": "refund"})
        yield Reading("oldest_seconds", "Age of the oldest", 1.5)

    client = create_app(settings(), inbox, readings).test_client()
    assert not asked
    lines = scrape(client)
    assert 'relay_open{kind="sale"} 3.0' in lines
    assert 'relay_open{kind="refund"} 4.0' in lines
    assert "relay_oldest_seconds 1.5" in lines
    assert "relay_store_up 1.0" in lines
    assert lines.count("# TYPE relay_open gauge") == 1


def test_the_page_stands_when_the_store_does_not(inbox: FakeInbox) -> None:
    def readings() -> Iterable[Reading]:
        raise StoreUnavailable("down")

    client = create_app(settings(), inbox, readings).test_client()
    lines = scrape(client)
    assert "relay_store_up 0.0" in lines
    assert any(line.startswith("relay_deliveries_total") for line in lines)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/nothing", PATH])
def test_every_answer_is_short_safe_and_silent_about_versions(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert len(response.data) < 100 or path == "/metrics"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Server"] == "ultracart-relay"
    assert "Set-Cookie" not in response.headers


def test_a_fault_of_ours_is_a_short_500(inbox: FakeInbox) -> None:
    app = create_app(settings(), inbox)

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError("with details")

    response = app.test_client().get("/broken")
    assert (response.status_code, response.data) == (500, b'{"error":"internal error"}')


class Opening:
    """A store that can be opened when it is told so."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure
        self.tries = 0
        self.inbox = FakeInbox()

    def __call__(self) -> FakeInbox:
        self.tries += 1
        time.sleep(0.01)
        if self.failure:
            raise self.failure
        return self.inbox


Ask = Callable[[LateInbox], FlaskClient | LoopClient]


@pytest.fixture(params=["flask", "loop"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Makes a client of a receiver, through Flask or on an event loop."""
    with ExitStack() as opened:

        def make(late: LateInbox) -> FlaskClient | LoopClient:
            app = create_app(settings(), late)
            if request.param == "loop":
                return opened.enter_context(LoopClient(app))
            return opened.enter_context(app.test_client())

        yield make


def test_a_receiver_that_starts_before_its_store_comes_good_by_itself(ask: Ask) -> None:
    opening = Opening(StoreUnavailable("not yet"))
    late = LateInbox(opening)
    late.open_early()
    client = ask(late)
    headers = {"Authorization": basic()}
    assert client.post(PATH, data=delivery(order()), headers=headers).status_code == 503
    assert client.get("/readyz").status_code == 503
    opening.failure = None
    assert client.post(PATH, data=delivery(order()), headers=headers).status_code == 200
    assert client.get("/readyz").status_code == 200
    assert opening.tries == 4


def test_a_receiver_on_a_store_that_is_not_its_own_refuses_until_a_person_has_accepted_it(ask: Ask) -> None:
    opening = Opening(None)
    late = LateInbox(opening)
    client = ask(late)
    headers = {"Authorization": basic()}
    assert client.post(PATH, data=delivery(order()), headers=headers).status_code == 200
    opening.inbox.failure = opening.failure = InstanceMismatch("what to do")
    for _ in range(2):
        assert client.post(PATH, data=delivery(order()), headers=headers).status_code == 503
        assert client.get("/readyz").status_code == 503
    opening.inbox.failure = opening.failure = None
    assert client.get("/readyz").status_code == 200
    assert client.post(PATH, data=delivery(order()), headers=headers).status_code == 200


def test_a_receiver_starts_on_a_store_that_is_not_its_own_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    late = LateInbox(Opening(InstanceMismatch("accept it with `relay init --accept-empty`")))
    late.open_early()
    assert "relay init --accept-empty" in capsys.readouterr().out


def test_the_store_is_opened_once_for_all_threads() -> None:
    opening = Opening(None)
    late = LateInbox(opening)
    threads = [threading.Thread(target=late.ready) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opening.tries == 1


def test_the_store_is_opened_once_for_all_tasks() -> None:
    opening = Opening(None)
    late = LateInbox(opening)
    items = [Unreadable("not JSON", b"x")]

    async def scene() -> None:
        await asyncio.gather(*(late.admit_async(items, "DEMO") for _ in range(8)))

    asyncio.run(scene())
    assert (opening.tries, len(opening.inbox.kept)) == (1, 8)


def test_nobody_waits_long_for_a_store_that_hangs_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.inbox.OPENING_SECONDS", 0.01)
    opened = threading.Event()

    def hanging() -> FakeInbox:
        opened.wait()
        return FakeInbox()

    async def scene() -> None:
        calls = (late.admit_async([Unreadable("not JSON", b"x")], "DEMO") for _ in range(8))
        for one in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(one, StoreUnavailable)
        opened.set()

    late = LateInbox(hanging)
    asyncio.run(scene())

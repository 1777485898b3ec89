"""The receiver's answers, through Flask's client and an inbox in memory."""

import gzip
from base64 import b64encode
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from app.delivery import intake
from app.errors import InstanceMismatch, StoreUnavailable
from app.events import Arrival, Kind, Unreadable
from app.web import create_app, hooks
from app.web.heartbeat import Heard
from app.web.metrics import Meters
from tests.receiver import LIMIT, PATH, FakeInbox, basic, delivery, merchant, order, settings

FAULT = "The receiver itself failed on it, which is a fault of ours: report the trace in the log."


class Exploding:
    """A body that must not be touched."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body was read")

    def close(self) -> None:
        """The client closes what it sent."""


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
def client(inbox: FakeInbox) -> FlaskClient:
    return create_app(settings(), inbox).test_client()


def post(client: FlaskClient, body: Any, path: str = PATH, **options: Any) -> TestResponse:
    headers = {"Authorization": basic()} | options.pop("headers", {})
    return client.post(path, data=body, headers=headers, **options)


def counts(accepted: int = 0, duplicates: int = 0, ignored: int = 0, quarantined: int = 0) -> dict[str, int]:
    return {
        "accepted": accepted,
        "duplicates": duplicates,
        "ignored": ignored,
        "quarantined": quarantined,
    }


def told(response: TestResponse) -> dict[str, Any]:
    """The answer without its ids, which are checked to be one for each event."""
    assert response.status_code == 200, response.data
    answer: dict[str, Any] = orjson.loads(response.data)
    ids = answer.pop("ids")
    assert len(ids) == sum(answer.values())
    return answer


def test_an_order_is_taken_with_its_fact(client: FlaskClient, inbox: FakeInbox) -> None:
    response = post(client, delivery(order("DEMO-7")))
    assert orjson.loads(response.data) == counts(accepted=1) | {"ids": ["e1"]}
    assert response.content_type == "application/json"
    (arrival,) = inbox.arrivals
    assert arrival.event.object_key == "DEMO-7"
    assert orjson.loads(arrival.event.raw)["order_id"] == "DEMO-7"
    assert arrival.event.payload == {}, "what nobody reads any more takes the room of the next delivery"
    assert [(fact.kind, fact.account, fact.subject) for fact in arrival.facts] == [
        (Kind.SALE, "ontraport:DEMO", "order:DEMO-7")
    ]


def test_a_bare_list_is_taken_too(client: FlaskClient) -> None:
    assert told(post(client, orjson.dumps([order()]))) == counts(accepted=1)


def test_compressed_events_are_taken(client: FlaskClient) -> None:
    packed = b64encode(gzip.compress(orjson.dumps([order("A"), order("B")]))).decode()
    assert told(post(client, orjson.dumps({"events": packed}))) == counts(accepted=2)


def test_a_gzipped_body_is_taken(client: FlaskClient) -> None:
    body = gzip.compress(delivery(order()))
    assert told(post(client, body, headers={"Content-Encoding": "gzip"})) == counts(accepted=1)
    assert told(post(client, body)) == counts(duplicates=1)


def test_ids_stand_in_the_order_of_the_events_and_a_duplicate_gives_the_first_ones(
    client: FlaskClient,
) -> None:
    post(client, delivery(order("A")))
    response = post(client, delivery(order("B"), order("A"), order("C"), order("B")))
    assert orjson.loads(response.data) == counts(accepted=2, duplicates=2) | {"ids": ["e2", "e1", "e3", "e2"]}


def test_one_delivery_of_every_fate(client: FlaskClient, inbox: FakeInbox) -> None:
    post(client, delivery(order("OLD")))
    body = delivery(order("OLD"), order("NEW"), {"brand_new_event": {"merchant_id": "DEMO"}}, {"x": 1})
    assert told(post(client, body)) == counts(accepted=1, duplicates=1, ignored=1, quarantined=1)
    assert [arrival.event.name for arrival in inbox.arrivals if arrival.ignored] == ["brand_new_event"]
    assert [arrival.facts for arrival in inbox.arrivals if arrival.ignored] == [()]


def test_an_event_of_another_merchant_is_quarantined_and_its_neighbour_is_not(
    client: FlaskClient, inbox: FakeInbox
) -> None:
    body = delivery(order("A", merchant_id="OTHER"), order("B"))
    assert told(post(client, body)) == counts(accepted=1, quarantined=1)
    assert b"OTHER" in inbox.quarantine[0].body


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"\xff\xfe", b"null", b"[" * 5000, b'{"a":', b"\x1f\x8bnot gzip"]
)
def test_what_is_not_a_delivery_is_quarantined_whole(
    client: FlaskClient, inbox: FakeInbox, body: bytes
) -> None:
    assert told(post(client, body)) == counts(quarantined=1)
    (kept,) = inbox.quarantine
    assert kept.body == body
    assert kept.reason


def test_an_empty_delivery_is_nothing(client: FlaskClient, inbox: FakeInbox) -> None:
    response = post(client, delivery())
    assert orjson.loads(response.data) == counts() | {"ids": []}
    assert not inbox.merchants


def test_thousands_of_events_in_one_delivery(inbox: FakeInbox) -> None:
    client = create_app(settings(limit=10 * 1024 * 1024), inbox).test_client()
    body = delivery(*(order(f"DEMO-{n}") for n in range(5000)))
    assert told(post(client, body)) == counts(accepted=5000)
    assert told(post(client, body)) == counts(duplicates=5000)


@pytest.mark.parametrize("failure", [StoreUnavailable("redis://:secret@host is down"), InstanceMismatch("x")])
def test_a_store_that_cannot_take_it_is_503(
    client: FlaskClient, inbox: FakeInbox, failure: Exception
) -> None:
    inbox.failure = failure
    response = post(client, delivery(order()))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert b"secret" not in response.data
    inbox.failure = None
    assert told(post(client, delivery(order()))) == counts(accepted=1)


def test_a_store_that_fails_in_an_unknown_way_is_503(client: FlaskClient, inbox: FakeInbox) -> None:
    inbox.failure = RuntimeError("not foreseen")
    response = post(client, delivery(order()))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")


def test_a_delivery_that_the_store_chokes_on_is_kept_whole(client: FlaskClient, inbox: FakeInbox) -> None:
    inbox.fails_on = lambda item: isinstance(item, Arrival)
    body = delivery(order())
    assert told(post(client, body)) == counts(quarantined=1)
    assert inbox.quarantine == [Unreadable(FAULT, body)]


def test_a_fault_in_reading_keeps_the_whole_delivery(
    client: FlaskClient, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_body: bytes, _merchant_id: str) -> list[Any]:
        raise RecursionError

    monkeypatch.setattr(intake, "parse_delivery", broken)
    body = delivery(order())
    assert told(post(client, body)) == counts(quarantined=1)
    assert inbox.quarantine == [Unreadable(FAULT, body)]


def test_a_fault_in_one_event_leaves_the_others_alone(
    client: FlaskClient, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(event: Any, _account: str) -> tuple[()]:
        if event.object_key == "BAD":
            raise KeyError(event)
        return ()

    monkeypatch.setattr(intake, "facts", picky)
    assert told(post(client, delivery(order("A"), order("BAD"), order("C")))) == counts(
        accepted=2, quarantined=1
    )
    assert list(orjson.loads(inbox.quarantine[0].body)) == ["order_create"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/DEMO", f"{PATH}/NOBODY"])
def test_what_is_not_a_post_is_405(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, headers={"Authorization": basic()})
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", f"{PATH}/NOBODY", f"{PATH}/", f"{PATH}/DEMO/x", "/webhooks//ultracart", "/webhooks"]
)
def test_unknown_paths_and_merchants_are_404_without_redirects(
    client: FlaskClient, inbox: FakeInbox, path: str
) -> None:
    assert post(client, delivery(order()), path).status_code == 404
    assert not inbox.kept


@pytest.mark.parametrize(
    "header",
    [
        None,
        basic(secret="wrong"),
        basic(name="wrong"),
        basic(secret=""),
        basic("", ""),
        "Basic",
        "Bearer demo",
    ],
)
def test_wrong_credentials_are_401_before_the_body_is_read(client: FlaskClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    response = client.post(
        PATH,
        headers=headers,
        environ_overrides={"wsgi.input": Exploding(), "CONTENT_LENGTH": "10"},
    )
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert orjson.loads(response.data) == {"error": "credentials are missing or wrong"}


def test_an_announced_size_beyond_the_limit_is_413_before_the_credentials(client: FlaskClient) -> None:
    for announced in (LIMIT + 1, 10**30):
        response = client.post(
            PATH, environ_overrides={"wsgi.input": Exploding(), "CONTENT_LENGTH": str(announced)}
        )
        assert response.status_code == 413, announced


def test_the_merchant_comes_before_the_size_and_the_size_before_the_credentials(client: FlaskClient) -> None:
    overrides = {"CONTENT_LENGTH": str(LIMIT + 1)}
    assert client.post(f"{PATH}/NOBODY", environ_overrides=overrides).status_code == 404
    assert client.put(PATH, environ_overrides=overrides).status_code == 405


def test_a_body_of_just_the_limit_is_taken(client: FlaskClient) -> None:
    assert post(client, delivery(order()).ljust(LIMIT)).status_code == 200
    assert post(client, delivery(order()).ljust(LIMIT + 1)).status_code == 413


def test_merchants_have_their_own_credentials_and_the_bare_path_is_the_usual_ones(inbox: FakeInbox) -> None:
    known = [merchant("ONE", "one", ["1"]), merchant("TWO", "two", ["2", "old"])]
    client = create_app(settings(*known, usual="TWO"), inbox).test_client()

    def status(path: str, name: str, secret: str) -> int:
        return client.post(path, data=b"[]x", headers={"Authorization": basic(name, secret)}).status_code

    assert status(f"{PATH}/ONE", "one", "1") == 200
    assert status(f"{PATH}/ONE", "two", "2") == 401
    assert status(f"{PATH}/TWO", "two", "old") == 200
    assert status(PATH, "two", "2") == 200
    assert status(PATH, "one", "1") == 401
    assert inbox.merchants == ["ONE", "TWO", "TWO"]


def test_the_bare_path_means_nobody_among_several(inbox: FakeInbox) -> None:
    known = [merchant("ONE"), merchant("TWO")]
    client = create_app(settings(*known), inbox).test_client()
    assert post(client, delivery()).status_code == 404


def test_the_bare_path_is_the_only_merchants(inbox: FakeInbox) -> None:
    client = create_app(settings(merchant("ONE")), inbox).test_client()
    assert post(client, b"x").status_code == 200
    assert inbox.merchants == ["ONE"]


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(body=st.binary(max_size=2048) | st.text(max_size=500).map(str.encode))
def test_arbitrary_bytes_are_owned(client: FlaskClient, body: bytes) -> None:
    answer = told(post(client, body))
    assert answer == counts(quarantined=1) or body.strip().startswith((b"[", b"{", b'"'))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
EVENT_LIKE = st.dictionaries(
    st.sampled_from(["order_create", "item_update", "events", "odd"]), JSON, max_size=2
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(events=st.lists(EVENT_LIKE | JSON, max_size=6), bare=st.booleans())
def test_arbitrary_events_are_all_accounted_for(client: FlaskClient, events: list[Any], bare: bool) -> None:
    try:
        body = orjson.dumps(events if bare else {"events": events})
    except TypeError:  # integers beyond 64 bits
        return
    if len(body) > LIMIT:
        assert post(client, body).status_code == 413
        return
    answer = told(post(client, body))
    assert sum(answer.values()) == len(events)


def test_whoever_delivers_is_heard_and_who_is_refused_is_not(inbox: FakeInbox) -> None:
    """Duplicates and what cannot be read are signs of life too; the beat takes them along."""
    heard = Heard(["DEMO"])
    receiver = hooks.Receiver(hooks.doors(settings()), inbox, LIMIT, Meters(None), heard)
    client = Flask(__name__)
    client.register_blueprint(hooks.blueprint(receiver))

    def is_heard(body: Any, **options: Any) -> bool:
        post(client.test_client(), body, **options)
        told: list[bool] = []
        heard.tell(lambda shops: told.append(shops["DEMO"]) or False)  # type: ignore[func-returns-value]
        return told == [True]

    for body in (delivery(order("DEMO-7")), delivery(order("DEMO-7")), b"no JSON", b"[]"):
        assert is_heard(body)
    assert not is_heard(b"[]", headers={"Authorization": basic(secret="wrong")})
    inbox.failure = StoreUnavailable("down")
    assert not is_heard(delivery(order("DEMO-8")))

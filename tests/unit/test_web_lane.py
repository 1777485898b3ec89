"""A delivery gets the same answer past Flask as through it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.errors import StoreUnavailable
from app.web import create_app
from tests.receiver import LIMIT, PATH, FakeInbox, basic, delivery, merchant, order, settings

THROUGH_FLASK = {"SCRIPT_NAME": "/mounted"}
Told = tuple[int, list[tuple[str, str]], bytes]


class Broken:
    """A body whose client is gone."""

    def read(self, *_: Any) -> bytes:
        raise OSError("the connection is gone")

    def close(self) -> None:
        """The client closes what it sent."""


def told(client: FlaskClient, path: str = PATH, **options: Any) -> Told:
    headers = {"Authorization": basic()} | options.pop("headers", {})
    response = client.post(path, headers=headers, **options)
    return response.status_code, sorted(response.headers), response.data


def both(inbox: FakeInbox, path: str = PATH, overrides: Any = (), **options: Any) -> tuple[Told, Told]:
    """What the two ways answer, each with an application of its own."""
    clients = [create_app(settings(), inbox).test_client() for _ in range(2)]
    straight = told(clients[0], path, environ_overrides=dict(overrides), **options)
    return straight, told(clients[1], path, environ_overrides=dict(overrides) | THROUGH_FLASK, **options)


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (200, {"data": delivery()}),
        (200, {"data": delivery(), "path": f"{PATH}/DEMO"}),
        (400, {"data": b"[]", "overrides": {"CONTENT_LENGTH": "10"}}),
        (401, {"data": delivery(), "headers": {"Authorization": basic(secret="wrong")}}),
        (404, {"data": delivery(), "path": f"{PATH}/NOBODY"}),
        (413, {"data": b" " * (LIMIT + 1)}),
        (500, {"overrides": {"wsgi.input": Broken(), "CONTENT_LENGTH": "10"}}),
    ],
)
def test_both_ways_answer_the_same(status: int, options: dict[str, Any]) -> None:
    straight, through_flask = both(FakeInbox(), **options)
    assert straight == through_flask
    assert straight[0] == status


def test_both_ways_say_that_the_store_is_away() -> None:
    inbox = FakeInbox()
    inbox.failure = StoreUnavailable("away")
    straight, through_flask = both(inbox, data=delivery(order()))
    assert straight == through_flask
    assert straight[0] == 503


def test_both_ways_lead_to_the_same_inbox() -> None:
    inbox = FakeInbox()
    (status, _, first), (_, _, again) = both(inbox, data=delivery(order("A")))
    assert status == 200
    assert b'"accepted":1' in first
    assert b'"duplicates":1' in again
    assert [arrival.event.object_key for arrival in inbox.arrivals] == ["A"]


def test_a_merchant_whose_id_looks_different_in_a_path_comes_in_through_flask() -> None:
    inbox = FakeInbox()
    client = create_app(settings(merchant("KÄSE")), inbox).test_client()
    assert told(client, f"{PATH}/KÄSE", data=b"x")[0] == 200
    assert inbox.merchants == ["KÄSE"]

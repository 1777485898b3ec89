"""Each method of the client: what it asks, and what it makes of answers of every shape."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.events import Exchange
from app.ontraport.calls import TRANSACTIONS
from app.ontraport.client import PRODUCTS
from app.ontraport.context import RateLimit
from app.ontraport.schemas import LoggedTransaction
from tests.contract.ontraport_client_server import (
    API_KEY,
    APP_ID,
    Attempt,
    ScriptedServer,
    client_of,
    reply,
    reset,
)


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def client(server):
    return client_of(server.base)


@pytest.fixture
def attempt():
    return Attempt()


def ok(data) -> object:
    return reply(200, {"code": 0, "data": data, "account_id": 1})


def refused(call) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        call()
    return caught.value


def asked(request):
    parts = urlsplit(request.target)
    return request.method, parts.path, {key: value for key, (value,) in parse_qs(parts.query).items()}


def condition(field, value):
    return [{"field": {"field": field}, "op": "=", "value": {"value": value}}]


@pytest.mark.parametrize(
    "data",
    [{"id": "7"}, {"id": 7}, {"attrs": {"id": "7", "dlm": "1"}}, {"attrs": {"id": 7}}, [{"id": " 7 "}]],
)
def test_upsert_finds_the_id_in_either_place(server, client, attempt, data):
    server.steps = [ok(data)]
    assert client.upsert_contact({"email": "jane@example.com", "ignore_blanks": True}, attempt) == "7"
    (request,) = server.requests
    assert asked(request) == ("POST", "/1/Contacts/saveorupdate", {})
    assert request.json() == {"email": "jane@example.com", "ignore_blanks": True}


def test_update_and_tags_name_the_contact(server, client, attempt):
    processed = ok("The tag is now being processed.")
    server.steps = [ok({"attrs": {"id": "7"}}), processed, processed]
    client.update_contact("7", {"lreferrer": "9"}, attempt)
    client.add_tags("7", ["Bought X", 'a "quoted" one'], attempt)
    client.remove_tags("7", ["Bought X"], attempt)
    first, second, third = server.requests
    assert asked(first) == ("PUT", "/1/Contacts", {})
    assert first.json() == {"id": "7", "lreferrer": "9"}
    assert asked(second) == ("PUT", "/1/objects/tagByName", {})
    assert second.json() == {"objectID": 0, "ids": [7], "add_names": ["Bought X", 'a "quoted" one']}
    assert asked(third) == ("DELETE", "/1/objects/tagByName", {})
    assert third.json() == {"objectID": 0, "ids": [7], "remove_names": ["Bought X"]}


def test_create_product_and_log_sale_write_amounts_as_text(server, client, attempt):
    server.steps = [ok({"id": "41", "name": "BONE"}), ok({"invoice_id": 142})]
    assert client.create_product({"name": "BONE", "price": Decimal("9.90")}, attempt) == "41"
    assert client.log_sale({"contact_id": "7", "total": Decimal("1E+2")}, attempt) == "142"
    assert [request.json() for request in server.requests] == [
        {"name": "BONE", "price": "9.90"},
        {"contact_id": "7", "total": "100"},
    ]
    assert [asked(request)[:2] for request in server.requests] == [
        ("POST", "/1/Products"),
        ("POST", "/1/transaction/processManual"),
    ]


@pytest.mark.parametrize("step", [reset, reply(500, b""), reply(200, {"code": 0, "data": {}})])
def test_a_product_that_may_have_been_made_is_unknown(server, client, attempt, step):
    server.steps = [step]
    failure = refused(lambda: client.create_product({"name": "BONE"}, attempt))
    assert failure.failure is FailureClass.UNKNOWN


@pytest.mark.parametrize("act", ["update", "tags"])
def test_updates_and_tags_may_be_repeated(server, client, attempt, act):
    server.steps = [reply(500, b"")]
    calls = {
        "update": lambda: client.update_contact("7", {"city": "Austin"}, attempt),
        "tags": lambda: client.add_tags("7", ["x"], attempt),
    }
    assert refused(calls[act]).failure is FailureClass.RETRYABLE


def test_find_encodes_its_condition_and_takes_the_oldest_of_several(server, client, attempt):
    name = 'The "Big" \\ Bone & co'
    server.steps = [
        ok([{"id": "100", "name": name}, {"id": "41", "name": name}, {"id": "9", "name": "other"}])
    ]
    assert client.find_product_by_name(name, attempt) == "41"
    method, path, query = asked(server.requests[0])
    assert (method, path, query["listFields"], query["start"]) == ("GET", "/1/Products", "id,name", "0")
    assert json.loads(query["condition"]) == condition("name", name)


@pytest.mark.parametrize("nothing", [[], None, "", {}])
def test_find_gives_none_after_one_request_when_there_is_nothing(server, client, attempt, nothing):
    server.steps = [ok(nothing)]
    assert client.find_product_by_external_id("BONE", attempt) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"Object not found", b'{"code":1,"data":"Object not found"}'])
def test_find_reads_object_not_found_as_nothing(server, client, attempt, body):
    server.steps = [reply(404, body)]
    assert client.find_contact("jane@example.com", attempt) is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (reply(404, b"<html>no such page</html>"), FailureClass.GONE),
        (reply(500, b"Object not found"), FailureClass.GONE),
        (reply(200, b"[]"), FailureClass.RETRYABLE),
        (reply(200, {"code": 0, "data": "many"}), FailureClass.RETRYABLE),
        (reply(200, {"code": 0, "data": ["41"]}), FailureClass.RETRYABLE),
        (reply(200, {"code": 0, "data": [{"name": "BONE"}]}), FailureClass.RETRYABLE),
        (reply(200, {"code": 3, "data": []}), FailureClass.RETRYABLE),
        (reset, FailureClass.RETRYABLE),
    ],
)
def test_find_never_takes_a_broken_answer_for_nothing(server, client, attempt, step, expected):
    server.steps = [step]
    assert refused(lambda: client.find_product_by_name("BONE", attempt)).failure is expected


def test_find_pages_on_when_the_server_ignores_the_condition(server, client, attempt):
    others = [{"id": str(n), "email": f"{n}@example.com"} for n in range(100, 50, -1)]
    server.steps = [ok(others), ok([{"id": "3", "email": "Jane@Example.com"}])]
    assert client.find_contact(" jane@example.com", attempt) == "3"
    assert [asked(request)[2]["start"] for request in server.requests] == ["0", "50"]


def row(number, contact="27", **more):
    return {"id": str(number), "contact_id": contact, "total": "1.00", "date": "1369820760"} | more


def test_transactions_are_read_whatever_the_types(server, client, attempt):
    server.steps = [
        ok(
            [
                row(9, external_order_id="DEMO-1", status="1", total="24.98"),
                row(8, external_order_id=9104390, contact=27, total=24.98, date=1369820760000, status=2),
                row(7, external_order_id=None, total="?", date="soon"),
                row(6, external_order_id=9104390.0, date="0", total=None),
                {"id": 5},
            ]
        )
    ]
    at = datetime(2013, 5, 29, 9, 46, tzinfo=UTC)
    found = client.transactions("27", lambda: attempt)
    assert [next(found) for _ in range(5)] == [
        LoggedTransaction("9", "27", Decimal("24.98"), at, "DEMO-1", "1"),
        LoggedTransaction("8", "27", Decimal("24.98"), at, "9104390", "2"),
        LoggedTransaction("7", "27", None, None, "", ""),
        LoggedTransaction("6", "27", None, None, "9104390.0", ""),
        LoggedTransaction("5", "", None, None, "", ""),
    ]
    method, path, query = asked(server.requests[0])
    assert (method, path) == ("GET", "/1/Transactions")
    assert json.loads(query.pop("condition")) == condition("contact_id", 27)
    assert query == {
        "range": "50",
        "start": "0",
        "sort": "id",
        "sortDir": "desc",
        "listFields": "id,contact_id,status,total,date,external_order_id",
    }


def test_transactions_ask_for_a_page_only_when_it_is_needed(server, client, attempt):
    server.steps = [ok([row(n) for n in range(100, 50, -1)])]
    assert next(client.transactions("27", lambda: attempt)).id == "100"
    assert len(server.requests) == 1


def test_transactions_go_through_all_pages_of_any_size(server, client, attempt):
    server.steps = [
        ok([row(n) for n in range(100, 50, -1)]),
        ok([row(n) for n in range(50, 30, -1)]),
        ok([row(31), row(30, contact="99"), row(29)]),
        ok([]),
    ]
    found = [one.id for one in client.transactions("27", lambda: attempt)]
    assert found == [str(n) for n in range(100, 30, -1)] + ["29"]
    assert [asked(request)[2]["start"] for request in server.requests] == ["0", "50", "70", "72"]


def test_transactions_end_when_a_page_repeats(server, client, attempt):
    page = ok([row(n) for n in range(50, 0, -1)])
    server.steps = [page, page, page]
    assert len(list(client.transactions("27", lambda: attempt))) == 50
    assert len(server.requests) == 2


def test_transactions_that_never_end_are_no_proof_of_anything(server, client, attempt):
    server.steps = [ok([row(10_000 - page, contact="99")]) for page in range(60)]
    failure = refused(lambda: list(client.transactions("27", lambda: attempt)))
    assert failure.failure is FailureClass.RETRYABLE
    assert len(server.requests) == 40


@pytest.mark.parametrize(
    "step",
    [
        reply(404, b"Object not found"),
        reply(200, {"code": 0, "data": "x"}),
        reply(200, {"code": 1, "data": []}),
    ],
)
def test_transactions_are_never_empty_by_mistake(server, client, attempt, step):
    server.steps = [step]
    refused(lambda: list(client.transactions("27", lambda: attempt)))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"Invalid Contact ID"),
        (400, b'"Invalid Contact ID"'),
        (422, b'{"code":1,"message":"Invalid contact ID: 27"}'),
        (404, b"Object not found"),
        (200, b"Invalid Contact ID"),
        (200, b'{"code":1,"data":"Invalid Contact ID"}'),
    ],
)
def test_a_contact_that_is_gone_is_known_by_its_text(server, client, attempt, status, body):
    server.steps = [reply(status, body)]
    failure = refused(lambda: client.log_sale({"contact_id": 27}, attempt))
    assert (failure.failure, failure.status) == (FailureClass.GONE, status)


@pytest.mark.parametrize("status", [500, 502, 409])
def test_the_text_proves_nothing_in_an_answer_that_proves_nothing(server, client, attempt, status):
    server.steps = [reply(status, b"Invalid Contact ID")]
    failure = refused(lambda: client.log_sale({"contact_id": 27}, attempt))
    assert failure.failure is FailureClass.UNKNOWN


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("X-Rate-Limit-Reset", "17"), ("Retry-After", "5")], 17),
        ([("x-rate-limit-reset", "0")], 1),
        ([("X-Rate-Limit-Reset", "soon"), ("Retry-After", "5")], 5),
        ([("X-Rate-Limit-Reset", "1793000000"), ("Retry-After", "5")], 5),
        ([("Retry-After", "2.5")], 2.5),
        ([("Retry-After", "Wed, 01 Jan 2020 00:00:00 GMT")], 1),
        ([("Retry-After", "-1")], 60),
        ([("Retry-After", "later")], 60),
        ([], 60),
    ],
)
def test_throttling_says_how_long_to_wait(server, client, attempt, headers, seconds):
    server.steps = [reply(429, b"Rate limit exceeded", headers)]
    failure = refused(lambda: client.log_sale({"contact_id": 27}, attempt))
    assert (failure.failure, failure.wait_seconds) == (FailureClass.THROTTLED, seconds)


def test_the_budget_is_observed_on_successes_and_failures(server, client, attempt):
    first = [("X-Rate-Limit-Limit", "180"), ("X-Rate-Limit-Remaining", "179"), ("X-Rate-Limit-Reset", "60")]
    second = [("X-Rate-Limit-Limit", "many"), ("X-Rate-Limit-Remaining", "0")]
    server.steps = [
        reply(200, {"code": 0, "data": {"id": 1}}, first),
        reply(500, b"", second),
        reply(500, b""),
    ]
    client.upsert_contact({}, attempt)
    refused(lambda: client.upsert_contact({}, attempt))
    refused(lambda: client.upsert_contact({}, attempt))
    assert attempt.limits == [RateLimit(180, 179, 60.0), RateLimit(None, 0, None)]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"Invalid value for zip", ["Invalid value for zip"]),
        (b'{"code":2,"field":"zip","message":"is too long"}', ["field zip", "is too long"]),
        (b'{"code":2,"errors":{"zip":["is too long"]}}', ["field zip", "zip: is too long"]),
        (b'{"code":2,"data":{"error":"bad","fields":["zip","state"]}}', ["field zip, state", "bad"]),
        (b"<html>Unprocessable</html>", ["422"]),
    ],
)
def test_a_refusal_names_the_field(server, client, attempt, body, parts):
    server.steps = [reply(422, body)]
    failure = refused(lambda: client.upsert_contact({}, attempt))
    assert failure.failure is FailureClass.INVALID
    assert all(part in failure.reason for part in parts)
    assert "<" not in failure.reason


def test_a_refusal_repeats_no_personal_data(server, client, attempt):
    server.steps = [reply(422, b"jane.doe@example.com or +1 512 555 0100 or 4111111111111111 is wrong")]
    failure = refused(lambda: client.upsert_contact({}, attempt))
    assert failure.reason == "ONTRAPORT answered 422: … or … or … is wrong"


def test_probe_asks_for_nothing_by_the_object_type(server, client, attempt):
    server.steps = [ok([]), reply(403, b"No"), reply(404, b"Object not found")]
    client.probe(attempt)
    assert refused(lambda: client.probe(attempt, TRANSACTIONS)).failure is FailureClass.PERMISSION
    client.probe(attempt, PRODUCTS)
    first, second, third = (asked(request) for request in server.requests)
    assert (first[:2], second[:2], third[:2]) == (
        ("GET", "/1/Contacts"),
        ("GET", "/1/Transactions"),
        ("GET", "/1/Products"),
    )
    assert json.loads(first[2]["condition"]) == condition("id", 0)
    assert json.loads(second[2]["condition"]) == condition("contact_id", 0)


def test_the_exchange_holds_what_was_said_but_no_secrets(server, client, attempt):
    echoed = {
        "id": "7",
        "ccNumber": "4242",
        "ccExpirationMonth": 12,
        "state": "TX",
        "key": API_KEY,
        "app": APP_ID,
    }
    server.steps = [ok(echoed), reset]
    client.upsert_contact({"email": "jane@example.com"}, attempt)
    refused(lambda: client.find_contact("jane@example.com", attempt))
    first, second = attempt.exchanges
    assert isinstance(first, Exchange)
    assert (first.method, first.path, first.status, first.error) == (
        "POST",
        "/Contacts/saveorupdate",
        200,
        "",
    )
    assert first.request == '{"email":"jane@example.com"}'
    assert json.loads(first.answer)["data"] == {
        "id": "7",
        "ccNumber": "***",
        "ccExpirationMonth": "***",
        "state": "TX",
        "key": "***",
        "app": "***",
    }
    assert first.started_at.tzinfo is UTC
    assert first.milliseconds >= 0
    assert (second.status, second.answer, second.request) == (None, "", "")
    assert second.path.startswith("/Contacts?")
    assert second.error in {"the connection was reset", "the connection was closed before an answer came"}


def test_the_exchange_is_capped(server, client, attempt):
    server.steps = [ok({"id": "7", "note": "é" * 100_000})]
    client.upsert_contact({"note": "x" * 100_000}, attempt)
    (exchange,) = attempt.exchanges
    assert len(exchange.request) == 64_000
    assert 63_000 < len(exchange.answer.encode()) <= 64_000


def test_a_failing_recorder_fails_no_delivery(server, client):
    class Broken(Attempt):
        def record(self, exchange):
            raise ConnectionError("the store is away")

        observe = record

    server.steps = [reply(200, {"code": 0, "data": {"invoice_id": 1}}, [("X-Rate-Limit-Remaining", "3")])]
    assert client.log_sale({}, Broken()) == "1"


def test_each_page_asks_for_a_permission_of_its_own(server, client):
    server.steps = [ok([row(2)]), ok([row(1)]), ok([])]
    permits = [Attempt(), Attempt(), Attempt()]
    waiting = iter(permits)
    assert len(list(client.transactions("27", lambda: next(waiting)))) == 2
    assert [(permit.checks, len(permit.exchanges)) for permit in permits] == [(1, 1)] * 3

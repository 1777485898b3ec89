"""The client against the sandbox: both must read the documented API in the same way."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests

from app.errors import DeliveryFailure, FailureClass
from app.ontraport.calls import TRANSACTIONS
from app.ontraport.client import CONTACTS, PRODUCTS, OntraportClient
from app.ontraport.transport import Transport
from app.sandbox.server import running_sandbox
from app.settings import OntraportAccount, Secret
from tests.contract.ontraport_client_server import Attempt

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox() as address:
        yield address


@pytest.fixture
def client(sandbox):
    requests.post(f"{sandbox}/reset", json={"rate": 0}, timeout=5)
    return client_of(sandbox)


@pytest.fixture
def attempt():
    return Attempt()


def client_of(sandbox, key="sandbox") -> OntraportClient:
    account = OntraportAccount(Secret("sandbox"), Secret(key), f"{sandbox}/ontraport/1", 170)
    return OntraportClient(account, transport=Transport(account, call_seconds=4.0))


def fail(sandbox, *does, **match) -> None:
    rules = [{"match": match, "do": do} for do in does]
    requests.post(f"{sandbox}/faults", json=rules, timeout=5).raise_for_status()


def sale(contact_id, product_id, order="DEMO-1"):
    price = [{"price": "9.99", "payment_count": 1, "unit": "day"}]
    product = {"id": product_id, "quantity": 2, "type": "single", "price": price}
    return {
        "contact_id": contact_id,
        "chargeNow": "chargeLog",
        "trans_date": int(AT.timestamp() * 1000),
        "invoice_template": -1,
        "external_order_id": order,
        "offer": {"products": [product]},
    }


def transactions(sandbox):
    return requests.get(f"{sandbox}/ledger", timeout=5).json()["transactions"]


def test_a_sale_from_end_to_end(client, attempt):
    contact = client.upsert_contact({"email": "jane@example.com", "ignore_blanks": True}, attempt)
    assert client.upsert_contact({"email": "Jane@Example.com", "city": "Austin"}, attempt) == contact
    assert client.find_contact("JANE@example.com", attempt) == contact
    client.update_contact(contact, {"lreferrer": "9"}, attempt)
    assert client.find_product_by_external_id("BONE", attempt) is None
    product = client.create_product({"name": 'A "bone"', "external_id": "BONE"}, attempt)
    assert client.find_product_by_external_id("BONE", attempt) == product
    assert client.find_product_by_name('A "bone"', attempt) == product
    assert list(client.transactions(contact, lambda: attempt)) == []
    invoice = client.log_sale(sale(contact, product), attempt)
    client.add_tags(contact, ["Bought"], attempt)
    (found,) = client.transactions(contact, lambda: attempt)
    assert (found.id, found.contact_id, found.total) == (invoice, contact, Decimal("19.98"))
    assert (found.date, found.external_order_id, found.status) == (AT, "DEMO-1", "1")
    for path in (CONTACTS, PRODUCTS, TRANSACTIONS):
        client.probe(attempt, path)


def test_all_pages_newest_first(client, attempt):
    contact = client.upsert_contact({"email": "jane@example.com"}, attempt)
    product = client.create_product({"name": "BONE"}, attempt)
    made = [client.log_sale(sale(contact, product, f"DEMO-{n}"), attempt) for n in range(105)]
    assert [found.id for found in client.transactions(contact, lambda: attempt)] == made[::-1]


def test_an_ignored_filter_gives_no_one_elses_sale(sandbox, client, attempt):
    jane, joe = (client.upsert_contact({"email": f"{name}@example.com"}, attempt) for name in ("jane", "joe"))
    product = client.create_product({"name": "BONE"}, attempt)
    mine = client.log_sale(sale(jane, product), attempt)
    client.log_sale(sale(joe, product), attempt)
    fail(sandbox, {"kind": "ignore_filter"})
    assert [found.id for found in client.transactions(jane, lambda: attempt)] == [mine]
    assert client.find_contact("jane@example.com", attempt) == jane
    assert client.find_contact("nobody@example.com", attempt) is None
    assert client.find_product_by_name("OTHER", attempt) is None


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        ({"kind": "reset", "commit": False}, 0),
        ({"kind": "reset", "commit": True}, 1),
        ({"kind": "hang", "seconds": 30, "commit": True}, 1),
        ({"kind": "drip", "seconds": 0.3}, 1),
        ({"kind": "no_id"}, 1),
        ({"kind": "answer", "status": 502, "commit": True}, 1),
        ({"kind": "answer", "status": 500, "body": "Server error"}, 0),
    ],
)
def test_what_may_have_been_sold_is_unknown(sandbox, client, attempt, fault, done):
    contact = client.upsert_contact({"email": "jane@example.com"}, attempt)
    product = client.create_product({"name": "BONE"}, attempt)
    fail(sandbox, fault, path="/transaction/processManual")
    with pytest.raises(DeliveryFailure) as caught:
        client.log_sale(sale(contact, product), attempt)
    assert caught.value.failure is FailureClass.UNKNOWN
    assert len(transactions(sandbox)) == len(list(client.transactions(contact, lambda: attempt))) == done


def test_refusals_have_their_class(sandbox, client, attempt):
    def failure(call) -> FailureClass:
        with pytest.raises(DeliveryFailure) as caught:
            call()
        return caught.value.failure

    assert failure(lambda: client_of(sandbox, "wrong").probe(attempt)) is FailureClass.AUTH
    assert failure(lambda: client.log_sale(sale("999", "1"), attempt)) is FailureClass.GONE
    assert failure(lambda: client.update_contact("999", {"city": "Austin"}, attempt)) is FailureClass.GONE
    contact = client.upsert_contact({"email": "jane@example.com"}, attempt)
    assert failure(lambda: client.log_sale(sale(contact, "999"), attempt)) is FailureClass.INVALID
    fail(sandbox, {"kind": "answer", "status": 403, "body": "No permission"})
    assert failure(lambda: client.probe(attempt)) is FailureClass.PERMISSION


def test_the_rate_limit_is_seen_coming(sandbox, client, attempt):
    requests.post(f"{sandbox}/reset", json={"rate": 3}, timeout=5)
    for _ in range(3):
        client.probe(attempt)
    assert [(limits.limit, limits.remaining) for limits in attempt.limits] == [(3, 2), (3, 1), (3, 0)]
    with pytest.raises(DeliveryFailure) as caught:
        client.probe(attempt)
    assert caught.value.failure is FailureClass.THROTTLED
    assert 1 <= (caught.value.wait_seconds or 0) <= 60


def test_many_threads_sell_through_one_client(sandbox, client, attempt):
    contact = client.upsert_contact({"email": "jane@example.com"}, attempt)
    product = client.create_product({"name": "BONE"}, attempt)
    found: list[str] = []

    def sell(number: int) -> None:
        found.extend(
            client.log_sale(sale(contact, product, f"DEMO-{number}-{n}"), Attempt()) for n in range(5)
        )

    threads = [threading.Thread(target=sell, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert len(set(found)) == len(transactions(sandbox)) == 40

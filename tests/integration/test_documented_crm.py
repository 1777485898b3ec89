"""Pointed at another server of the documented API by ONTRAPORT_BASE_URL, with keys set, it works the same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.documented_crm import Account, documented_crm, environment_of
from tests.integration.orders import Order, delivery
from tests.servers import Valkey, Web, Worker, wait_until

pytestmark = pytest.mark.server


@pytest.fixture
def relay(tmp_path: Path, valkey: Valkey) -> Iterator[tuple[Web, Account]]:
    """A receiver and a worker with real keys set, and the account that they write to."""
    with documented_crm() as (base, account):
        environment = environment_of(base, valkey, tmp_path)
        web, worker = Web(tmp_path, environment), Worker(tmp_path, environment)
        web.start()
        worker.start()
        yield web, account
        worker.kill()
        web.kill()


def post(web: Web, *orders: Order) -> None:
    """One delivery."""
    web.deliver(delivery(*orders), auth=("shop", "s3cret"))


def test_one_contact_one_sale_and_nothing_more(relay: tuple[Web, Account]) -> None:
    web, account = relay
    now = datetime.now(UTC)
    first, rebill = Order(paid_at=now), Order(paid_at=now)
    rebill = Order(number=rebill.number, email=first.address, paid_at=now)
    for _ in range(3):
        post(web, first)
    wait_until(lambda: len(account.rows["Transactions"]) == 1, 30, "the first sale")
    post(web, rebill)
    wait_until(lambda: len(account.rows["Transactions"]) == 2, 30, "the second sale")
    assert len(account.rows["Contacts"]) == 1
    assert [row["total"] for row in account.rows["Transactions"]] == [
        f"{first.total:.2f}",
        f"{rebill.total:.2f}",
    ]
    assert [row["external_order_id"] for row in account.rows["Transactions"]] == [first.id, rebill.id]
    assert account.requests.count("POST /crm/1/Contacts/saveorupdate") == 1
    assert account.requests.count("GET /crm/1/Transactions") == 0


def test_a_broken_connection_after_the_write_is_adopted(relay: tuple[Web, Account]) -> None:
    web, account = relay
    account.break_after_next_sale = 1
    order, next_one = Order(paid_at=datetime.now(UTC)), Order(paid_at=datetime.now(UTC))
    post(web, order)
    wait_until(lambda: account.break_after_next_sale == 0, 30, "the broken connection")
    post(web, next_one)
    wait_until(lambda: "GET /crm/1/Transactions" in account.requests, 30, "the look-up")
    wait_until(lambda: len(account.rows["Transactions"]) == 2, 30, "both sales")
    sold = [row["external_order_id"] for row in account.rows["Transactions"]]
    assert sorted(sold) == sorted([order.id, next_one.id])


def test_an_order_paid_before_the_switch_on_is_not_sold(relay: tuple[Web, Account]) -> None:
    web, account = relay
    old, new = Order(paid_at=datetime(2026, 1, 5, tzinfo=UTC)), Order(paid_at=datetime.now(UTC))
    post(web, old, new)
    wait_until(lambda: account.rows["Transactions"], 30, "the new sale")
    assert [row["external_order_id"] for row in account.rows["Transactions"]] == [new.id]

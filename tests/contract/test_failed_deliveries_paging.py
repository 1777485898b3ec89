"""A long log, a shop that fails in the middle, a list that shifts while it is read: nothing is skipped."""

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from app.delivery.intake import understand
from app.services import Services, utc_now
from app.ultracart.client import UltracartClient
from tasks import failed_deliveries, poll_runs, webhook_polling
from tests.contract.failing_webhooks import Failing, named, told
from tests.contract.shops import ShopAt
from tests.integration.orders import Order, delivery
from tests.servers import Sandbox

pytestmark = pytest.mark.server

EVERY_LOG = {"path": "/webhooks/7/logs.*"}


@pytest.fixture
def failing(services: Services, shop: ShopAt, monkeypatch: pytest.MonkeyPatch) -> Failing:
    """The shop with its two webhooks; a page of its log holds three entries."""
    monkeypatch.setattr(failed_deliveries, "PAGE", 3)
    return Failing.of(services, shop)


def logged(failing: Failing, number: int) -> list[Order]:
    """So many orders whose deliveries failed."""
    orders = [Order() for _ in range(number)]
    for order in orders:
        failing.log(delivery(order))
    return orders


def forgiven(failing: Failing) -> None:
    """An hour later, as the shop's allowance has it."""
    failing.services.client.delete("uc:rest:DEMO")


def test_every_page_is_read_and_each_entry_taken_once(failing):
    orders = logged(failing, 8)
    report = failing.poll()
    assert (report.ending, report.failed, report.taken) == ("done", 8, 8)
    assert failing.subjects() == named(*orders)
    assert failing.poll().failed == 0


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("after", range(0, 14, 3))
def test_a_shop_that_fails_in_the_middle_costs_time_alone(failing, sandbox, status, after):
    orders = logged(failing, 7)
    refused = {"kind": "answer", "status": status, "body": "no", "headers": {"Retry-After": "1"}}
    sandbox.faults({"match": EVERY_LOG, "after": after, "times": 1, "do": refused})
    report = failing.poll()
    assert (report.ending, len(failing.subjects()) < 7) == ("stopped", True)
    forgiven(failing)
    report = failing.poll_to_the_end()
    assert (failing.subjects(), failing.sums()["failed"]) == (named(*orders), 7)
    forgiven(failing)
    assert (failing.poll_to_the_end().failed, failing.states()) == (0, {"ready": 7})


def test_a_run_makes_so_many_requests_and_the_next_goes_on(failing, monkeypatch):
    monkeypatch.setattr(webhook_polling, "MOST_REQUESTS", 6)
    orders = logged(failing, 8)
    report = failing.poll()
    assert (report.ending, "6 requests" in report.reason) == ("stopped", True)
    failing.poll_to_the_end()
    assert (failing.subjects(), failing.sums()["failed"]) == (named(*orders), 8)


def test_a_run_has_its_time(failing, monkeypatch):
    logged(failing, 1)
    monkeypatch.setattr(poll_runs, "RUN_SECONDS", -1.0)
    assert (failing.poll().ending, failing.states()) == ("stopped", {})


def test_a_store_that_is_lost_in_the_middle_loses_nothing(failing, monkeypatch):
    """Admitted but not kept: it is taken again, and its facts are known."""
    orders = logged(failing, 4)
    kept, calls = failing.services.polling.keep, itertools.count(1)
    monkeypatch.setattr(failing.services.polling, "keep", lambda *a: 1 / 0 if next(calls) == 4 else kept(*a))
    with pytest.raises(ZeroDivisionError):
        failing.poll()
    monkeypatch.undo()
    failing.poll_to_the_end()
    assert (failing.subjects(), failing.states()) == (named(*orders), {"ready": 4})


def test_a_list_that_shifts_while_it_is_read_is_read_again(failing, monkeypatch):
    """An entry whose repetition succeeded leaves the list, and what follows moves up over the page's edge."""
    orders = logged(failing, 9)
    first = failing.shop.rows("webhook_logs")[0]["request_id"]
    pages, page = itertools.count(1), UltracartClient.webhook_logs_page

    def shifting(client, *arguments, **asked):
        if asked["success"] is False and next(pages) == 2:
            failing.shop.remove("webhook_logs", first)
        return page(client, *arguments, **asked)

    monkeypatch.setattr(UltracartClient, "webhook_logs_page", shifting)
    failing.services = replace(failing.services, clock=lambda: utc_now() + timedelta(hours=2))
    failing.poll_to_the_end()
    assert len(failing.subjects()) == 8
    failing.poll_to_the_end()
    assert failing.subjects() == named(*orders)


def test_an_entry_that_the_shop_fails_on_holds_up_nobody_and_ends(failing, sandbox):
    there, poisoned = Order(), Order()
    poison = failing.log(delivery(poisoned))
    failing.log(delivery(there))
    failing.shop.fill(orders=[poisoned.payload()])
    broken = {"kind": "answer", "status": 500, "body": "no"}
    sandbox.faults({"match": {"path": f"/logs/{poison}"}, "do": broken})
    endings = []
    for _ in range(failed_deliveries.TRIES):
        endings.append(failing.poll().ending)
        forgiven(failing)
        assert len(endings) == 1 or there.id in str(failing.subjects())
    assert endings == ["stopped"] * (failed_deliveries.TRIES - 1) + ["done"]
    assert failing.subjects() == named(there, poisoned)
    assert failing.services.polling.cursor("DEMO", "webhook")["tries"] == {}


def test_an_entry_that_the_shop_failed_on_and_that_went_is_forgotten(failing, sandbox):
    gone = failing.log(delivery(Order()))
    sandbox.faults({"match": {"path": f"/logs/{gone}"}, "do": {"kind": "answer", "status": 500}})
    failing.poll()
    assert failing.services.polling.cursor("DEMO", "webhook")["tries"] == {f"7/{gone}": 1}
    failing.shop.remove("webhook_logs", gone)
    forgiven(failing)
    failing.poll_to_the_end()
    assert failing.services.polling.cursor("DEMO", "webhook")["tries"] == {}


def test_a_key_that_may_not_read_the_log_is_told_and_skips_nothing(failing, sandbox):
    orders = logged(failing, 2)
    sandbox.faults({"match": {"path": "/logs/r2"}, "do": {"kind": "answer", "status": 403, "body": "no"}})
    assert failing.poll().ending == "failed"
    sandbox.faults()
    failing.poll_to_the_end()
    assert failing.subjects() == named(*orders)


def test_marks_of_what_is_no_more_listed_go(failing):
    logged(failing, 4)
    failing.poll()
    failing.services.client.hset("polled:DEMO:webhook", "70/of-another-webhook", "1")
    assert failing.services.client.hlen("polled:DEMO:webhook") == 5
    failing.services = replace(failing.services, clock=lambda: utc_now() + timedelta(hours=3))
    failing.poll()
    assert failing.services.client.hkeys("polled:DEMO:webhook") == [b"70/of-another-webhook"]


def test_many_orders_without_a_body_come_in_few_requests(failing, monkeypatch):
    monkeypatch.setattr(failed_deliveries, "ORDERS_BATCH", 20)
    orders = [Order() for _ in range(50)]
    failing.shop.fill(orders=[one.payload() for one in orders])
    failing.log_orders(*orders)
    before = failing.shop.requests()
    assert failing.poll().taken == 50
    assert failing.shop.requests() == before + 7


def test_the_shared_allowance_is_respected(failing):
    logged(failing, 5)
    failing.shop.limit(4)
    assert failing.poll().ending == "stopped"
    assert failing.shop.requests() == 4


def test_a_huge_answer_is_not_read_for_ever(failing, sandbox: Sandbox):
    order = Order()
    failing.shop.fill(orders=[order.payload()])
    huge = failing.log(delivery(order))
    answer = {"kind": "answer", "body": " " * (33 * 1024 * 1024)}
    sandbox.faults({"match": {"path": f"/logs/{huge}"}, "do": answer})
    for _ in range(failed_deliveries.TRIES):
        report = failing.poll()
        forgiven(failing)
    assert (report.ending, failing.subjects()) == ("done", named(order))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_fails_each_order_is_taken_once(failing, sandbox, monkeypatch, seed):
    """Deliveries fail, succeed, come again; the log keeps all, a part or nothing; the shop fails as well."""
    dice = random.Random(seed)
    monkeypatch.setattr(webhook_polling, "MOST_REQUESTS", dice.randint(5, 12))
    merchant = failing.services.settings.merchants["DEMO"]
    orders = [Order() for _ in range(14)]
    failing.shop.fill(orders=[one.payload() for one in orders])
    for _ in range(3):
        for start in range(0, len(orders), 2):
            several = orders[start : start + dice.randint(1, 2)]
            body, succeeded = delivery(*several), dice.random() < 0.3
            if succeeded or dice.random() < 0.2:
                failing.services.inbox.admit(understand(body, merchant), "DEMO")
            kept = dice.choice([body, body, None, b" " * 100_000 + body[: dice.randint(0, len(body))]])
            failing.log(kept, **told(body), success=succeeded)
        refused = {"kind": "answer", "status": dice.choice([404, 429, 500]), "headers": {"Retry-After": "1"}}
        sandbox.faults({"match": EVERY_LOG, "after": dice.randint(1, 9), "times": 1, "do": refused})
        failing.poll()
        dice.shuffle(orders)
    sandbox.faults()
    for _ in range(2):
        forgiven(failing)
        failing.poll_to_the_end()
    logged = {order_id for row in failing.shop.rows("webhook_logs") for order_id in row["order_ids"]}
    assert failing.subjects() == sorted(f"order:{order_id}" for order_id in logged)
    assert list(failing.services.quarantine.find()) == []

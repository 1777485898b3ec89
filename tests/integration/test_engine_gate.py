"""What concerns the whole account: refused keys, throttling, refused objects, outages, the rate itself."""

import time

import pytest

from app.store.ledger import BURST
from tests.integration.engine import ACCOUNT, LOG, UPSERT, Engine, breaks
from tests.integration.orders import Order, delivery
from tests.servers import Sandbox, wait_until

pytestmark = pytest.mark.server


def close(engine: Engine, status: int, body: str, **more: object) -> None:
    """The CRM answers everything like that."""
    engine.sandbox.faults({"do": {"kind": "answer", "status": status, "body": body, **more}})


def await_gate(engine: Engine, reason: str) -> None:
    """Returns when the account's gate is closed for this reason."""
    wait_until(
        lambda: (gate := engine.services.gates.read(ACCOUNT)) and gate.reason == reason, 30, f"gate {reason}"
    )


def test_refused_keys_close_the_gate_and_a_probe_opens_it(engine: Engine):
    engine.environment["GATE_PROBE_SECONDS"] = "1"
    web = engine.web()
    engine.worker()
    orders = [Order() for _ in range(6)]
    close(engine, 401, "Your App ID and API Key do not authenticate.")
    for order in orders[:3]:
        web.deliver(delivery(order))
    await_gate(engine, "auth")
    for order in orders[3:]:
        web.deliver(delivery(order))
    probes = engine.requests("GET /Contacts")
    wait_until(lambda: engine.requests("GET /Contacts") >= probes + 2, what="two refused probes")
    assert engine.services.gates.read(ACCOUNT)
    assert engine.services.log.counts(ACCOUNT).money == {
        "USD": int(sum(order.total for order in orders) * 100)
    }

    engine.sandbox.faults()
    engine.delivered(*orders)
    assert engine.services.gates.read(ACCOUNT) is None
    assert {engine.transmission(order)["n"] for order in orders} == {"1"}
    assert engine.count("dead") == 0


def test_a_closed_gate_costs_no_request(engine: Engine):
    engine.services.gates.close(ACCOUNT, "auth", "closed by the test", 600)
    engine.worker()
    orders = [Order() for _ in range(5)]
    engine.admit(*orders)
    seen = wait_until(lambda: engine.valkey.client.zrange("relay:processes", 0, -1, withscores=True))
    wait_until(lambda: engine.valkey.client.zscore("relay:processes", seen[0][0]) > seen[0][1] + 1_500)
    assert engine.valkey.client.llen("sale") == 0
    assert engine.requests() == 0
    engine.services.gates.close(ACCOUNT, "auth", "closed by the test", 0)
    engine.delivered(*orders)


def test_a_gate_that_closes_between_two_steps_holds_the_next_one_back(engine: Engine):
    order = Order()
    engine.sandbox.faults({"match": {"path": UPSERT.split()[1]}, "do": {"kind": "latency", "seconds": 1.5}})
    engine.worker()
    engine.admit(order)
    wait_until(lambda: engine.requests(UPSERT) == 1, what="the first step")
    engine.services.gates.close(ACCOUNT, "auth", "closed by the test", 600)
    wait_until(
        lambda: engine.transmission(order)["st"] in ("retrying", "ready"), what="the end of the attempt"
    )
    assert (engine.requests(UPSERT), engine.requests(LOG)) == (1, 0)
    assert engine.transmission(order)["n"] == "0"
    engine.services.gates.open(ACCOUNT)
    engine.delivered(order)
    assert (engine.requests(UPSERT), engine.requests(LOG)) == (1, 1)


def test_a_throttled_account_waits_until_the_reset_that_the_crm_names(engine: Engine):
    orders = [Order() for _ in range(3)]
    engine.sandbox.faults(
        {"times": 1, "do": {"kind": "answer", "status": 429, "headers": {"X-Rate-Limit-Reset": 4}}}
    )
    engine.worker()
    started = time.monotonic()
    engine.admit(*orders)
    await_gate(engine, "throttled")
    in_flight = engine.requests()
    engine.delivered(*orders)
    assert time.monotonic() - started >= 3
    assert in_flight <= 8
    assert {engine.transmission(order)["n"] for order in orders} == {"1"}
    assert engine.sandbox.ledger()["requests"]["throttled"] == {"by_limit": 0, "by_fault": 1}


def test_an_order_that_the_crm_forbids_is_a_dead_letter_and_the_others_go_on(engine: Engine):
    forbidden, others = Order(), [Order() for _ in range(3)]
    engine.sandbox.faults(breaks(forbidden, kind="answer", status=403, body="You do not have permission"))
    engine.worker()
    engine.admit(forbidden, *others)
    engine.delivered(*others)
    wait_until(lambda: engine.count("dead"), what="the dead letter")
    [letter] = engine.services.dead_letters.list(ACCOUNT)
    assert (letter.subject, letter.failure) == (f"order:{forbidden.id}", "permission")
    assert engine.services.gates.read(ACCOUNT) is None


def test_403_of_everything_closes_the_gate(engine: Engine):
    engine.environment["GATE_PROBE_SECONDS"] = "1"
    orders = [Order() for _ in range(3)]
    close(engine, 403, "Forbidden")
    engine.worker()
    engine.admit(*orders)
    await_gate(engine, "auth")
    engine.sandbox.faults()
    engine.delivered(*orders)
    assert engine.count("dead") == 0


@pytest.mark.parametrize(
    ("match", "words"),
    [
        ({"object": 46}, "transactions (sales)"),
        ({"path": "/Products"}, "products"),
        ({"path": "/Contacts(/.*)?"}, "contacts"),
    ],
)
def test_403_of_one_type_of_object_is_a_dead_letter_and_the_gate_stays_open(
    engine: Engine, match: dict[str, object], words: str
):
    orders = [Order() for _ in range(2)]
    engine.sandbox.faults({"match": match, "do": {"kind": "answer", "status": 403, "body": "Forbidden"}})
    engine.worker()
    engine.admit(*orders)
    wait_until(lambda: engine.count("dead") == len(orders), what="the dead letters")
    assert engine.services.gates.read(ACCOUNT) is None
    letters = engine.services.dead_letters.list(ACCOUNT)
    assert {letter.failure for letter in letters} == {"permission"}
    assert all(f"the API key may not use {words} in ONTRAPORT" in letter.reason for letter in letters)
    engine.sandbox.faults()
    for letter in letters:
        engine.services.dead_letters.replay(letter.id)
    engine.delivered(*orders)


def test_an_outage_closes_the_breaker_after_five_orders_and_it_opens_by_itself(engine: Engine):
    orders = [Order() for _ in range(20)]
    close(engine, 500, "Internal Server Error")
    engine.worker()
    engine.admit(*orders)
    await_gate(engine, "breaker")
    wait_until(lambda: engine.count("running") == 0, what="the calls in flight")
    assert engine.requests() <= 5 + 8
    engine.sandbox.faults()
    engine.delivered(*orders, seconds=60)
    assert engine.services.gates.read(ACCOUNT) is None


def test_one_order_that_fails_again_and_again_closes_no_gate(engine: Engine):
    failing, others = Order(email="unlucky@example.com"), [Order() for _ in range(8)]
    engine.sandbox.faults(
        {"match": {"body_contains": "unlucky@"}, "do": {"kind": "answer", "status": 500, "body": "Oops"}}
    )
    engine.worker()
    engine.admit(failing)
    wait_until(lambda: engine.requests() >= 2, what="its second attempt")
    engine.admit(*others)
    engine.delivered(*others)
    assert engine.services.gates.read(ACCOUNT) is None
    assert engine.count("retrying") == 1


def test_two_workers_with_a_backlog_keep_to_the_rate_together(engine: Engine):
    own = Sandbox(engine.directory, rate=180)
    engine.servers.append(own)
    own.start()
    engine.environment |= {"SANDBOX_PORT": str(own.port), "ONTRAPORT_RATE_PER_MINUTE": "170"}
    for number in (1, 2):
        engine.worker(number)
    started = time.monotonic()
    engine.admit(*(Order() for _ in range(80)))
    wait_until(lambda: own.ledger()["requests"]["total"] >= 40, 20, "40 requests")
    seen = own.ledger()["requests"]
    assert seen["throttled"] == {"by_limit": 0, "by_fault": 0}
    assert seen["total"] <= BURST + 1 + 170 / 60 * (time.monotonic() - started)

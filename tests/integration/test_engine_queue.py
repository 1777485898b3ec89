"""Lost wake-ups and poison: what the dispatcher finds in the store when Celery's messages do not tell."""

import json
from itertools import count
from typing import Any

import pytest

from tests.integration.engine import ACCOUNT, SHORT, Engine, Fault, arrivals
from tests.integration.orders import Order, batches
from tests.servers import wait_until

pytestmark = pytest.mark.server

BACKLOG = 20_000
HANDED = f"handed:{ACCOUNT}:sale"


def window(engine: Engine) -> int:
    """How many wake-ups may be out."""
    return int(engine.valkey.client.get("relay:window") or 32)


def test_a_lost_wake_up_behind_a_backlog_of_20_000_is_found_and_the_queue_stays_short(engine: Engine):
    inbox = engine.inbox()
    lost = Order()
    engine.admit(lost, inbox=inbox)
    backlog = [Order(event="order_update") for _ in range(BACKLOG - 1)]
    accepted = sum(inbox.admit(arrivals(body), "DEMO").accepted for body in batches(backlog, 500))
    assert (accepted, engine.count("ready")) == (BACKLOG - 1, BACKLOG)
    client, width = engine.valkey.client, window(engine)
    assert client.llen("sale") == width

    oldest: Any = client.rpop("sale")
    message = json.loads(oldest)
    assert message["headers"]["id"] == engine.transmission(lost)["id"]
    for _ in range(4):
        engine.age_wake_ups()
        engine.services.transmissions.tick("onlooker", 0)
        assert width < client.llen("sale") <= 2 * width
    assert client.zcard(HANDED) == width

    engine.worker()
    wait_until(lambda: engine.transmission(lost)["st"] == "delivered", 60, "the lost one")
    assert client.llen("sale") <= 2 * width
    assert engine.sales()[lost.id] == 1


def test_all_wake_ups_lost_at_once_are_pushed_again(engine: Engine):
    orders = [Order() for _ in range(10)]
    engine.admit(*orders)
    engine.valkey.client.delete("sale")
    engine.worker()
    wait_until(lambda: engine.valkey.client.zcard("relay:processes"), what="the worker")
    assert engine.count("delivered") == 0
    assert engine.age_wake_ups() == 10
    engine.delivered(*orders)
    assert engine.services.log.engine()["lost wake-ups"] == 10


def test_wake_ups_that_come_twice_or_for_nothing_change_nothing(engine: Engine):
    order, other = Order(), Order()
    engine.admit(order)
    messages: Any = engine.valkey.client.lrange("sale", 0, -1)
    [message] = messages
    stranger = message.replace(engine.transmission(order)["id"].encode(), b"0000000000000000.1")
    engine.valkey.client.lpush("sale", message, stranger, message)
    engine.worker()
    engine.delivered(order)
    engine.valkey.client.lpush("sale", message)
    engine.admit(other)
    engine.delivered(order, other)


def test_what_kills_its_worker_again_and_again_runs_alone_and_is_buried_as_poison(engine: Engine):
    poison, neighbours = Order(), [Order() for _ in range(6)]
    fault = Fault("claimed", poison, do="exit", times=99)
    engine.sandbox.faults(
        {"match": {"path": "/transaction/processManual"}, "do": {"kind": "latency", "seconds": 0.2}}
    )
    engine.admit(poison, *neighbours)
    numbers = count(1)
    worker = engine.worker(next(numbers), fault=fault, constants=SHORT)

    def buried() -> bool:
        nonlocal worker
        if worker.process and worker.process.poll() is not None:
            worker = engine.worker(next(numbers), fault=fault, constants=SHORT)
            # What it had taken from the queue died with it.
            engine.age_wake_ups()
        return bool(engine.count("dead"))

    wait_until(buried, 90, "the burial")
    assert engine.fired(fault) == 5
    [letter] = engine.services.dead_letters.list(ACCOUNT)
    assert (letter.subject, letter.failure) == (f"order:{poison.id}", "poison")
    engine.delivered(*neighbours, seconds=60)

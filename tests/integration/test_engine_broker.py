"""Celery loses its broker: it reconnects, or its process ends for the supervisor; nothing is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from app.errors import StoreUnavailable
from app.queue import WORKER_QUEUES, make_celery
from tests.integration.engine import LOG, Engine
from tests.integration.orders import Order
from tests.servers import wait_until

pytestmark = pytest.mark.server

CUTS_AT_LEAST = 6


@contextmanager
def cut_again_and_again(client: redis.Redis) -> Iterator[list[int]]:
    """Every half second all connections to the store are cut; gives the list of how many each time."""
    done, cut = threading.Event(), list[int]()

    def run() -> None:
        while not done.wait(0.5):
            cut.append(int(client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield cut
    finally:
        done.set()
        thread.join()


def admit(engine: Engine, order: Order) -> None:
    """As the shop does: again, until it is owned."""

    def owned() -> bool:
        try:
            return bool(engine.admit(order).ids)
        except StoreUnavailable:
            return False

    wait_until(owned, what="an owned order", every=0.01)


def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(engine: Engine):
    worker, orders = engine.worker(), [Order() for _ in range(20)]
    cutter = redis.Redis.from_url(engine.valkey.url)
    with cut_again_and_again(cutter) as cut:
        wait_until(lambda: len(cut) >= CUTS_AT_LEAST, what="cuts while it is idle")
        for order in orders:
            admit(engine, order)
        already = len(cut)
        wait_until(lambda: len(cut) >= already + CUTS_AT_LEAST, what="cuts while it is busy")
    cutter.close()
    # What was popped and lost is pushed again after a minute; nobody waits for that here.
    wait_until(
        lambda: engine.count("delivered") == 20 or engine.age_wake_ups() < 0, 60, "all of them", every=2
    )
    engine.holds(*orders)
    assert engine.requests(LOG) == 20
    assert worker.process
    assert worker.process.poll() is None


def test_a_worker_that_does_not_hear_its_broker_any_more_ends_for_its_supervisor(engine: Engine):
    """Made deaf by Celery's own remote control, as one that has lost its consumer is."""
    deaf = engine.worker(constants={"workers.dispatcher.DEAF_SECONDS": 3})
    first, second = Order(), Order()
    engine.admit(first)
    engine.delivered(first)
    control = make_celery(engine.valkey.url).control
    for queue in WORKER_QUEUES:
        [answer] = control.cancel_consumer(queue, reply=True, timeout=30, limit=1)
        assert "no longer consuming" in next(iter(answer.values()))["ok"]
    engine.admit(second)
    assert deaf.process
    assert deaf.process.wait(60) == 1
    assert "worker.deaf" in deaf.log.read_text()
    engine.worker(2)
    engine.delivered(first, second)


def test_an_idle_worker_is_not_deaf(engine: Engine):
    worker = engine.worker(constants={"workers.dispatcher.DEAF_SECONDS": 1})
    orders = [Order() for _ in range(3)]
    for done, order in enumerate(orders, 1):
        engine.admit(order)
        engine.delivered(*orders[:done])
        threading.Event().wait(1.5)
    assert worker.process
    assert worker.process.poll() is None

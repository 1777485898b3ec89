"""When a worker process that takes nothing is given up for deaf."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import StoreUnavailable
from app.store.transmissions import Round
from workers import dispatcher
from workers.dispatcher import Dispatcher
from workers.process import Process


class Store:
    """A store with one message on its queue, that may be away."""

    def __init__(self) -> None:
        self.away = False
        self.log = SimpleNamespace(queued=lambda queues: 1)
        self.transmissions = self

    def tick(self, process: str, slots: int) -> Round:
        if self.away:
            raise StoreUnavailable("away")
        return Round(0, 0, 0, ())


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def worker(store: Store, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    """The dispatcher of a worker that takes nothing, to whom no time at all is too long."""

    def ended(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(dispatcher, "DEAF_SECONDS", 0.0)
    monkeypatch.setattr(os, "_exit", ended)
    services: Any = store
    return Dispatcher(lambda: services, Process(slots=1, queues=frozenset({"sale"})))


def test_what_lies_there_from_round_to_round_is_not_heard(worker: Dispatcher):
    worker.round()
    with pytest.raises(SystemExit):
        worker.round()


def test_while_the_store_was_away_nothing_could_be_heard(worker: Dispatcher, store: Store):
    worker.round()
    store.away = True
    with pytest.raises(StoreUnavailable):
        worker.round()
    store.away = False
    worker.round()
    with pytest.raises(SystemExit):
        worker.round()

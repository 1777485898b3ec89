"""The Celery application of the worker processes: `celery -A workers.celery_app worker`."""

import logging.config
import os
import threading
import warnings
from typing import Any

import structlog
from celery import Celery
from celery.signals import (
    beat_init,
    setup_logging,
    task_rejected,
    task_unknown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from app.logs import configure_logs, stdlib_config
from app.queue import WORKER_QUEUES, make_celery
from app.services import Services, build_services
from app.settings import load_settings
from tasks.registry import HANDLERS, register, register_polls, register_probe
from workers.broker import outlive_broker
from workers.dispatcher import Dispatcher, end_in_time
from workers.engine import Engine
from workers.process import Process
from workers.schedule import beat_schedule, without_polls
from workers.watch import Watch

log = structlog.get_logger()

# Nothing but ids in JSON is ever read from the queue, which is what this warning is about.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")


class Worker:
    """What a worker process builds once, when its first task or its consumer needs it."""

    def __init__(self) -> None:
        self.settings = load_settings(os.environ)
        self.process = Process(slots=self.settings.worker_threads)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._services: Services
        self._dispatcher = Dispatcher(self._open, self.process)
        self._watch = Watch(lambda: build_services(self.settings))

    def start(self) -> None:
        """Dispatcher and watch; they open the store by themselves, now or when it is there."""
        self._dispatcher.start()
        self._watch.start()

    def engine(self) -> Engine:
        """The engine on an open store; raises InstanceMismatch or StoreUnavailable."""
        with self._lock:
            if self._engine is None:
                self._services = build_services(self.settings)
                self._engine = Engine(self._services, HANDLERS, self.process)
            return self._engine

    def run(self, transmission_id: str) -> tuple[str | None, str]:
        """One attempt, for the tasks."""
        result = self.engine().attempt(transmission_id)
        return result.ending, result.reason

    def services(self) -> Services:
        """For the polls; raises InstanceMismatch or StoreUnavailable."""
        self.engine()
        return self._services

    def close(self) -> None:
        """Ends dispatcher and watch."""
        self._dispatcher.close()
        self._watch.close()

    def _open(self) -> Services:
        """The dispatcher's own services.

        It asks again after it met a store that was not ours: then the engine's are of the past as well.
        """
        services = build_services(self.settings)
        self._engine = None
        return services


worker = Worker()
app: Celery = make_celery(worker.settings.redis_url, tls_verify=worker.settings.redis_tls_verify)
register(app, worker.run)
register_polls(app, worker.services)
register_probe(app, worker.services)
outlive_broker()
app.conf.beat_schedule = beat_schedule(worker.settings)


@setup_logging.connect
def _logs(**_: Any) -> None:
    configure_logs()
    # Celery's own lines of each task say nothing that the relay's do not, nor do its hints about settings.
    quiet = {"py.warnings": {"level": "ERROR"}}
    logging.config.dictConfig(stdlib_config("WARNING") | {"loggers": quiet})


@worker_ready.connect
def _ready(sender: Any = None, **_: Any) -> None:
    if sender is not None:
        worker.process.slots = sender.controller.concurrency
        worker.process.queues = frozenset(WORKER_QUEUES) & set(app.amqp.queues.consume_from)
    worker.start()


@beat_init.connect
def _beat(**_: Any) -> None:
    for merchant_id in without_polls(worker.settings):
        log.warning("polling.off", merchant=merchant_id, reason="no ULTRACART_SIMPLE_KEY")


@worker_shutting_down.connect
def _shutting_down(**_: Any) -> None:
    worker.process.stop()
    end_in_time()


@worker_shutdown.connect
def _shut_down(**_: Any) -> None:
    worker.close()


@task_unknown.connect
def _unknown(name: str = "", **_: Any) -> None:
    # A newer receiver knows a kind that this worker does not: the store keeps the transmission.
    log.error("task.unknown", task=name)


@task_rejected.connect
def _rejected(**_: Any) -> None:
    log.error("task.rejected")

"""The dispatcher: a daemon thread with a connection of its own in every worker process.

Refills the queues, readies what is due, ends leases, finds lost wake-ups, probes closed gates. Its round is
one script; any number of dispatchers may run. Timers in Celery's consumer stop while the broker is away.
"""

import os
import threading
import time

import structlog

from app.delivery.probe import probe_account
from app.errors import LeaseLost, RelayError
from app.services import Services
from app.store.transmissions import Ending, Settlement
from workers.process import Process

log = structlog.get_logger()

ROUND_SECONDS = 0.5
# Heroku kills 30 s after SIGTERM: what is in flight is given up before, as unknown.
GIVE_UP_SECONDS = 22.0
# Celery waits for its threads however long their calls take, so that what was given up is not waited for.
END_SECONDS = 26.0


class Dispatcher(threading.Thread):
    """Runs rounds until `close`; an error of one round never ends it."""

    def __init__(self, services: Services, process: Process) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self._services = services
        self._process = process
        self._closed = threading.Event()
        self._stopping_since: float | None = None

    def run(self) -> None:
        """One round every half second."""
        while not self._closed.wait(ROUND_SECONDS):
            try:
                self.round()
            except RelayError as error:
                log.warning("dispatcher.round_failed", reason=str(error))

    def close(self) -> None:
        """Ends the thread after its round."""
        self._closed.set()

    def round(self) -> None:
        """One round; raises StoreUnavailable while Redis is away."""
        slots = 0 if self._process.stopping() else self._process.slots
        found = self._services.transmissions.tick(self._process.name, slots)
        if found.lost_wake_ups or found.ended_leases or found.poisoned:
            log.warning(
                "dispatcher.repaired",
                lost_wake_ups=found.lost_wake_ups,
                ended_leases=found.ended_leases,
                poisoned=found.poisoned,
            )
        for account in found.probes:
            threading.Thread(target=self._probe, args=(account,), daemon=True).start()
        if self._process.stopping():
            self._give_up_in_time()

    def _probe(self, account: str) -> None:
        try:
            opened = probe_account(self._services, account)
        except RelayError as error:
            log.warning("gate.probe_failed", account=account, reason=str(error))
            return
        log.warning("gate.opened" if opened else "gate.still_closed", account=account)

    def _give_up_in_time(self) -> None:
        now = time.monotonic()
        self._stopping_since = self._stopping_since or now
        if now - self._stopping_since < GIVE_UP_SECONDS:
            return
        for token, transmission_id in self._process.working().items():
            self._give_up(transmission_id, token)
        if now - self._stopping_since >= END_SECONDS:
            log.warning("worker.ended_with_calls_in_flight")
            os._exit(0)

    def _give_up(self, transmission_id: str, token: str) -> None:
        """Its announcement stays: the next worker looks before it writes. Counts no attempt, no death."""
        settlement = Settlement(
            Ending.POSTPONED, "the worker was stopped while it was in flight", delay_seconds=80.0
        )
        try:
            self._services.transmissions.settle(transmission_id, token, settlement)
        except LeaseLost:
            return
        log.warning("attempt.given_up", transmission=transmission_id)

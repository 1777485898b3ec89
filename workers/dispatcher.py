"""The dispatcher: a daemon thread with a connection of its own in every worker process.

Refills the queues, readies what is due, ends leases, finds lost wake-ups, probes closed gates. Its round is
one script; any number of dispatchers may run. Timers in Celery's consumer stop while the broker is away.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from app.delivery.probe import probe_account
from app.errors import InstanceMismatch, LeaseLost, RelayError, StoreUnavailable
from app.services import Services
from app.store.transmissions import Ending, Settlement
from workers.process import Process

log = structlog.get_logger()

ROUND_SECONDS = 0.5
# Heroku kills 30 s after SIGTERM: what is in flight is given up before, as unknown.
GIVE_UP_SECONDS = 22.0
# Celery waits for its threads however long their calls take, so that what was given up is not waited for.
END_SECONDS = 24.0
TELL_AGAIN_SECONDS = 60.0
# A worker that takes nothing for so long though its queues are never empty does not hear its broker any more.
DEAF_SECONDS = 60.0


def end_in_time(seconds: float = END_SECONDS) -> None:
    """From SIGTERM on: this process ends after so long whatever its calls, Celery or the store do."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()


def _end() -> None:
    log.warning("worker.ended_with_calls_in_flight")
    os._exit(0)


class Hearing:
    """Whether Celery's consumer still takes what lies on its queues.

    It reconnects by itself, but that has failed before; where the store answers, the broker is there too.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._taken = -1
        self._since = 0.0

    def lost(self, queued: int) -> bool:
        """True when messages have lain there for DEAF_SECONDS without a pause and nothing was taken."""
        now, taken = time.monotonic(), self._process.taken
        if not queued or taken != self._taken or not self._process.idle() or self._process.stopping():
            self._taken, self._since = taken, now
        return now - self._since > DEAF_SECONDS

    def interrupted(self) -> None:
        """The store was away, and the broker with it: what lies there waits from its return on."""
        self._taken = -1


class Dispatcher(threading.Thread):
    """Runs rounds until `close`; an error of one round never ends it.

    `open_services` is called for the first round, and again after a round met a store that is not ours: a
    person may have accepted it since.
    """

    def __init__(self, open_services: Callable[[], Services], process: Process) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self._open = open_services
        self._process = process
        self._services: Services | None = None
        self._closed = threading.Event()
        self._stopping_since: float | None = None
        self._told: tuple[str, float] = ("", 0.0)
        self._hearing = Hearing(process)

    def run(self) -> None:
        """One round every half second; after something unforeseen the supervisor starts the process anew."""
        try:
            self._rounds()
        except Exception:
            log.exception("dispatcher.failed")
            os._exit(1)

    def _rounds(self) -> None:
        while not self._closed.wait(ROUND_SECONDS):
            try:
                self.round()
            except RelayError as error:
                self._tell(str(error))
            if self._process.stopping():
                self._give_up_in_time()

    def close(self) -> None:
        """Ends the thread after its round."""
        self._closed.set()

    def round(self) -> None:
        """One round; raises StoreUnavailable while Redis is away, InstanceMismatch while it is not ours."""
        services = self._services = self._services or self._open()
        # What only polls has no slot for what goes to a CRM.
        slots = self._process.slots if self._process.queues and not self._process.stopping() else 0
        try:
            self._give_back(services)
            found = services.transmissions.tick(self._process.name, slots)
        except InstanceMismatch:
            self._services = None
            raise
        except StoreUnavailable:
            self._hearing.interrupted()
            raise
        if found.lost_wake_ups or found.ended_leases or found.poisoned:
            log.warning(
                "dispatcher.repaired",
                lost_wake_ups=found.lost_wake_ups,
                ended_leases=found.ended_leases,
                poisoned=found.poisoned,
            )
        if self._process.queues and self._hearing.lost(services.log.queued(self._process.queues)):
            log.error("worker.deaf", seconds=DEAF_SECONDS, what="started anew by its supervisor")
            os._exit(1)
        for account in found.probes:
            threading.Thread(target=self._probe, args=(services, account), daemon=True).start()

    def _give_back(self, services: Services) -> None:
        """What the store's absence broke off goes on as soon as the store is back: nobody died of it."""
        for token, transmission_id in self._process.broken_off().items():
            settlement = Settlement(
                Ending.POSTPONED, "the store was away while it was at work", delay_seconds=1.0
            )
            with suppress(LeaseLost):
                services.transmissions.settle(transmission_id, token, settlement)
            self._process.forget(token)

    def _tell(self, reason: str) -> None:
        """Once a minute while it stays the same."""
        told, when = self._told
        if reason != told or time.monotonic() - when > TELL_AGAIN_SECONDS:
            log.warning("dispatcher.round_failed", reason=reason)
            self._told = (reason, time.monotonic())

    @staticmethod
    def _probe(services: Services, account: str) -> None:
        try:
            opened = probe_account(services, account)
        except RelayError as error:
            log.warning("gate.probe_failed", account=account, reason=str(error))
            return
        log.warning("gate.opened" if opened else "gate.still_closed", account=account)

    def _give_up_in_time(self) -> None:
        now = time.monotonic()
        self._stopping_since = self._stopping_since or now
        if now - self._stopping_since >= GIVE_UP_SECONDS and self._services:
            for token, transmission_id in self._process.working().items():
                self._give_up(self._services, transmission_id, token)

    @staticmethod
    def _give_up(services: Services, transmission_id: str, token: str) -> None:
        """Its announcement stays: the next worker looks before it writes. Counts no attempt, no death."""
        settlement = Settlement(
            Ending.POSTPONED, "the worker was stopped while it was in flight", delay_seconds=80.0
        )
        try:
            services.transmissions.settle(transmission_id, token, settlement)
        except LeaseLost:
            return
        except RelayError as error:
            # Its lease ends by itself.
            log.warning("attempt.not_given_up", transmission=transmission_id, reason=str(error))
            return
        log.warning("attempt.given_up", transmission=transmission_id)

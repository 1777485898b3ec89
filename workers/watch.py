"""The watch: a daemon thread in every worker process that looks for alerts and sends what is to be told.

One process at a time has the turn. It is a thread and not a task, so that neither a backlog on the queues,
nor a closed gate, nor a broker that Celery has lost delays an alert; it has a connection of its own. A round
is a few dozen cheap reads, so it comes every ten seconds: a dead sale is told within 15.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable

import structlog

from app.alerts.book import Book, Unsent
from app.alerts.judge import judge
from app.alerts.readings import Readings
from app.alerts.rules import find_alerts
from app.channels.channel import SEND_SECONDS
from app.errors import InstanceMismatch, RelayError
from app.services import Services
from app.store.alerts import BETWEEN_SAMPLES

log = structlog.get_logger()

LOOK_SECONDS = 5.0
REST_SECONDS = 9.0
# A round begins no message after this time, and one message takes SEND_SECONDS a channel.
ROUND_SECONDS = 60.0
TURN_SECONDS = ROUND_SECONDS + 4 * SEND_SECONDS


class Watch(threading.Thread):
    """Does rounds until `close`; nothing that goes wrong in one ends it.

    `open_services` is called for the first round, and again after one that met a store that is not ours.
    """

    def __init__(self, open_services: Callable[[], Services]) -> None:
        super().__init__(name="watch", daemon=True)
        self._open = open_services
        self._opened: Services | None = None
        self._closed = threading.Event()
        self._told = ""

    def run(self) -> None:
        """Tries for the turn every five seconds."""
        while not self._closed.wait(LOOK_SECONDS):
            try:
                self.round()
                self._told = ""
            except RelayError as error:
                self._tell(str(error))
            except Exception:
                # A rule with a bug must not silence all alerts for good; the probe tells that none is judged.
                log.exception("watch.crashed")

    def close(self) -> None:
        """Ends the thread after its round."""
        self._closed.set()

    def round(self) -> bool:
        """Judges and sends if it is our turn; False when it is not.

        Raises StoreUnavailable while Redis is away, InstanceMismatch while it is not ours.
        """
        services = self._opened = self._opened or self._open()
        token = secrets.token_hex(6)
        try:
            book = services.alerts.turn(token, TURN_SECONDS)
        except InstanceMismatch:
            self._opened = None
            raise
        if book is not None:
            self._look(services, token, book)
        return book is not None

    def _look(self, services: Services, token: str, book: Book) -> None:
        started = time.monotonic()
        readings = services.survey.read()
        book = _judged(services, book, readings)
        sampled = services.alerts.sampled_at()
        due = sampled is None or readings.now - sampled >= BETWEEN_SAMPLES
        # What is to be told is on disk before the first message leaves.
        mine = services.alerts.keep(token, book, sample=readings.sample() if due else None)
        for message in _due(services, book):
            if not mine or self._closed.is_set() or time.monotonic() - started > ROUND_SECONDS:
                break
            book = book.after(_sent(services, message))
            mine = services.alerts.keep(token, book)
        services.alerts.keep(token, book, rest_seconds=REST_SECONDS)

    def _tell(self, reason: str) -> None:
        """Once while it stays the same: the dispatcher tells it again and again."""
        if reason != self._told:
            log.warning("watch.round_failed", reason=reason)
        self._told = reason


def _judged(services: Services, book: Book, readings: Readings) -> Book:
    news, groups = judge(find_alerts(readings), book.groups, readings.now)
    for one in news:
        word = "alert.resolved" if one.resolved else "alert.opened"
        log.warning(word, name=one.alert.name, group=one.alert.group, severity=one.alert.severity)
    return book.judged(groups, news, list(services.channels), secrets.token_hex(6), readings.now)


def _due(services: Services, book: Book) -> Iterable[Unsent]:
    now = services.clock()
    return [message for message in book.unsent if message.due <= now]


def _sent(services: Services, message: Unsent) -> Unsent:
    """The message with the channels that did not take it; one that is not set any more is done."""
    failed = []
    for name in message.channels:
        channel = services.channels.get(name)
        problem = channel.send(message.document) if channel else ""
        if problem:
            failed.append(name)
            log.error("alert.unsent", channel=name, reason=problem, attempts=message.attempts + 1)
    return message.tried(failed, services.clock())

"""One run of a poll: its turn, its requests, its way into admission, its report; for tasks' polls only.

A run begins no request after RUN_SECONDS, and the next round goes on from there: if it lasted longer than
the broker's visibility timeout, its message would be given out a second time.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any, TypeVar

import structlog

from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed
from app.events import Arrival, Event, Kind, Unreadable
from app.relay.facts import facts
from app.services import Services
from app.settings import Merchant
from app.store.polling import Turn
from app.store.ultracart_budget import BACKGROUND
from app.ultracart.client import Permit, UltracartClient
from app.ultracart.polled import polled_event

RUN_SECONDS = 45.0
POLLED = frozenset({Kind.ITEM, Kind.AFFILIATE_SIGNUP})
# Each costs a request or two, whatever it dies of.
DEAD_AGAIN_AFTER = timedelta(hours=24)
PASSING = frozenset({FailureClass.THROTTLED, FailureClass.RETRYABLE})

T = TypeVar("T")

log = structlog.get_logger()


@dataclass
class PollReport:
    """What a run did. `ending`: done, stopped (goes on at the next round), failed, off or busy."""

    poll: str
    merchant_id: str
    ending: str = "done"
    reason: str = ""
    pages: int = 0
    seen: int = 0
    changed: int = 0
    deleted: int = 0
    quarantined: int = 0
    skipped: int = 0
    failed: int = 0
    arrived: int = 0
    taken: int = 0
    incomplete: int = 0

    def words(self) -> str:
        """In one line, for Flower and the log."""
        counts = {word: getattr(self, name) for name, word in _COUNTED.items()}
        told = [f"{self.seen} seen", *(f"{number} {word}" for word, number in counts.items() if number)]
        return f"{self.ending}: {', '.join(told)}. {self.reason}".rstrip(". ")


_COUNTED = {name: name for name in ("changed", "deleted", "skipped")} | {
    "failed": "failed deliveries",
    "arrived": "of them had come another way",
    "taken": "events taken",
    "quarantined": "quarantined",
    "incomplete": "not fetched whole",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a page that were new, and the marks by which they are known from now on."""

    rows: Sequence[Mapping[str, Any]]
    marks: Mapping[str, str]


class Enough(Exception):
    """The run has worked long enough; says what it had its fill of."""


class PollRun:
    """What a poll works with while it has its turn; what was dead for `dead_for` is told as new."""

    def __init__(self, services: Services, merchant: Merchant, turn: Turn, report: PollReport) -> None:
        self.services = services
        self.merchant = merchant
        self.report = report
        self.dead_for = DEAD_AGAIN_AFTER
        self.most_requests = sys.maxsize
        self._requests = 0
        self._turn = turn
        self._end = time.monotonic() + RUN_SECONDS

    def ask(self, call: Callable[[UltracartClient, Permit], T]) -> T:
        """One request to the shop, within its allowance. Raises DeliveryFailure, Postponed, Enough."""
        if time.monotonic() > self._end:
            raise Enough(f"more than {RUN_SECONDS:.0f} s of work")
        if self._requests >= self.most_requests:
            raise Enough(f"{self._requests} requests to the shop")
        self._turn.renew()
        self._requests += 1
        permit = self.services.shop_budget.permit(self.merchant.id, allowance=BACKGROUND)
        return call(self.services.shops[self.merchant.id], permit)

    def admit(
        self, event_name: str, rows: Sequence[Mapping[str, Any]], salt: str, *, always: bool = False
    ) -> Taken:
        """Takes what is new among the rows through admission, with `always` the others too.

        `salt` is the round: an object that changes and changes back is told again, and a page that is
        polled twice is not. What cannot be read is quarantined once. Raises StoreUnavailable.
        """
        events = [polled_event(event_name, row, self.merchant.id) for row in rows]
        known = self.services.polling.marks(self.merchant.id, self.report.poll, map(_key, events))
        fresh = [
            n
            for n, event in enumerate(events)
            if always or known.get(_key(event)) != _mark(event) or self._is_dead(event)
        ]
        self.report.seen += len(rows)
        if fresh:
            arrivals = [self._arrival(events[n], salt) for n in fresh]
            quarantined = self.services.inbox.admit(arrivals, self.merchant.id).quarantined
            self.report.changed += len(fresh) - quarantined
            self.report.quarantined += quarantined
        return Taken([rows[n] for n in fresh], {_key(events[n]): _mark(events[n]) for n in fresh})

    @cached_property
    def _dead(self) -> frozenset[str]:
        """Subjects that have been dead for as long as `dead_for`."""
        until = self.now() - self.dead_for
        return self.services.dead_letters.subjects(self.merchant.account, POLLED, until)

    def _is_dead(self, event: Event | Unreadable) -> bool:
        if isinstance(event, Unreadable) or not self._dead:
            return False
        return any(fact.subject in self._dead for fact in facts(event, self.merchant.account))

    def keep(self, cursor: Mapping[str, Any], marks: Mapping[str, str]) -> None:
        """Moves the cursor; only after its page was admitted."""
        self.services.polling.keep(self.merchant.id, self.report.poll, cursor, marks)

    def cursor(self) -> dict[str, Any]:
        """The cursor as it was last kept."""
        return self.services.polling.cursor(self.merchant.id, self.report.poll)

    def now(self) -> datetime:
        """The time, UTC."""
        return self.services.clock()

    def _arrival(self, event: Event | Unreadable, salt: str) -> Arrival | Unreadable:
        if isinstance(event, Unreadable):
            return event
        salted = event._replace(digest=_digest(event.digest + salt.encode()))
        return Arrival(salted, facts(event, self.merchant.account))


def run_poll(
    services: Services, merchant: Merchant, poll: str, rounds: Callable[[PollRun], None]
) -> PollReport:
    """Runs a poll of a merchant if it has a key and no other process is at it; never doubled.

    Raises StoreUnavailable and InstanceMismatch; what the shop does ends in the report.
    """
    report = PollReport(poll, merchant.id)
    if not merchant.ultracart_key:
        return replace(report, ending="off", reason="no ULTRACART_SIMPLE_KEY")
    with services.polling.turn(merchant.id, poll) as turn:
        if turn is None:
            return replace(report, ending="busy", reason="this poll is already running")
        report.ending, report.reason = _ending(lambda: rounds(PollRun(services, merchant, turn, report)))
        ended = {**asdict(report), "ended_at": services.clock().isoformat()}
        services.polling.report(merchant.id, poll, ended)
    level = log.error if report.ending == "failed" else log.info
    level("poll.ended", **asdict(report))
    return report


def _ending(run: Callable[[], None]) -> tuple[str, str]:
    try:
        run()
    except Enough as fill:
        return "stopped", f"{fill}: the rest follows in the next round"
    except (Postponed, LeaseLost) as stop:
        return "stopped", str(stop)
    except DeliveryFailure as failure:
        word = "stopped" if failure.failure in PASSING else "failed"
        return word, f"{failure.reason.rstrip('.')}. {failure.hint}".strip()
    return "done", ""


def _key(event: Event | Unreadable) -> str:
    return event.object_key if isinstance(event, Event) and event.object_key else f"?{_mark(event)}"


def _mark(event: Event | Unreadable) -> str:
    """What changes with the content of an object, in 16 letters."""
    digest = event.digest if isinstance(event, Event) else _digest(event.body)
    return digest.hex()[:16]


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()

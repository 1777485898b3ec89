"""`POST /webhooks/ultracart[/<merchant_id>]`: takes deliveries into the store; for app.web only.

200 means that everything is on disk. Nothing here calls a CRM or validates a schema.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import structlog
from flask import Blueprint, request

from app.delivery.intake import own, understand
from app.errors import RelayError
from app.events import Admission, Arrival, Unreadable
from app.logs import log_line
from app.settings import Merchant, Settings
from app.ultracart.webhooks import PATH
from app.web.answer import Answer, Refusal, answer
from app.web.auth import Guard
from app.web.body import announced_size, read, unpack
from app.web.heartbeat import Heard
from app.web.inbox import Inbox
from app.web.metrics import Meters

LONGEST_TURN_SECONDS = 0.05
RETRY_AFTER = (("Retry-After", "30"),)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Door:
    """One merchant's entrance."""

    merchant: Merchant
    guard: Guard


def doors(settings: Settings) -> dict[str | None, Door]:
    """The entrances by merchant id, and under None that of the bare path."""
    entrances: dict[str | None, Door] = {
        merchant_id: Door(merchant, Guard(merchant)) for merchant_id, merchant in settings.merchants.items()
    }
    usual = entrances.get(settings.ultracart_merchant_id)
    if usual is None and len(entrances) == 1:
        usual = next(iter(entrances.values()))
    return {**entrances, None: usual} if usual else entrances


class Receiver:
    """The view: checks in the order of the contract, then reads, understands and admits."""

    def __init__(
        self, entrances: Mapping[str | None, Door], inbox: Inbox, limit: int, meters: Meters, heard: Heard
    ) -> None:
        self._doors = entrances
        self._inbox = inbox
        self._limit = limit
        self._meters = meters
        self._heard = heard
        self._turn = threading.Lock()

    @property
    def merchants(self) -> Iterable[str | None]:
        """Who has a door; None is the bare path."""
        return self._doors

    def receive(self, merchant_id: str | None, environ: Mapping[str, Any]) -> Answer:
        """Answer one POST; see the contract of the receiver."""
        started = perf_counter()
        try:
            reply = self._take(merchant_id, environ, started)
        except Refusal as refusal:
            reply = refusal.answer()
        self._meters.delivered(reply.status_code, perf_counter() - started)
        return reply

    def _take(self, merchant_id: str | None, environ: Mapping[str, Any], started: float) -> Answer:
        door = self._doors.get(merchant_id)
        if door is None:
            raise Refusal(404, "no such merchant")
        announced = announced_size(environ, self._limit)
        door.guard.check(environ.get("HTTP_AUTHORIZATION"))
        body = read(environ, announced, self._limit)
        admission = self._own(self._understand(body, door.merchant), body, door.merchant.id)
        self._meters.admitted(admission)
        self._heard.note(door.merchant.id)
        self._report(admission, door.merchant.id, len(body), started)
        return answer(200, _counts(admission) | {"ids": admission.ids})

    def _understand(self, body: bytes, merchant: Merchant) -> list[Arrival | Unreadable]:
        """One delivery after the other, where that is quick: threads that read at once hinder each other."""
        has_turn = self._turn.acquire(timeout=LONGEST_TURN_SECONDS)
        try:
            return _understand(body, merchant)
        finally:
            if has_turn:
                self._turn.release()

    def _own(self, items: Sequence[Arrival | Unreadable], body: bytes, merchant_id: str) -> Admission:
        """Put it on disk, or raise Refusal 503: it may or may not be there, and has to come again."""
        if not items:
            return Admission(0, 0, 0, 0, ())
        try:
            return own(self._inbox.admit, items, body, merchant_id)
        except RelayError as error:
            log.error("delivery.refused", merchant=merchant_id, error=type(error).__name__)
            raise unavailable() from error
        except Exception as error:
            log.exception("delivery.failed", merchant=merchant_id, events=len(items))
            raise unavailable() from error

    @staticmethod
    def _report(admission: Admission, merchant_id: str, size: int, started: float) -> None:
        milliseconds = round((perf_counter() - started) * 1000, 2)
        log_line(
            "delivery.received",
            merchant=merchant_id,
            bytes=size,
            milliseconds=milliseconds,
            **_counts(admission),
        )


def unavailable() -> Refusal:
    """The store cannot take it: come again in 30 seconds."""
    return Refusal(503, "the store cannot take deliveries now", RETRY_AFTER)


def _understand(body: bytes, merchant: Merchant) -> list[Arrival | Unreadable]:
    """What the delivery holds; one that is damaged or too large once unpacked is kept whole."""
    try:
        return understand(unpack(body), body, merchant)
    except ValueError as error:
        return [Unreadable(str(error), body)]


def _counts(admission: Admission) -> dict[str, Any]:
    return {
        "accepted": admission.accepted,
        "duplicates": admission.duplicates,
        "ignored": admission.ignored,
        "quarantined": admission.quarantined,
    }


def blueprint(receiver: Receiver) -> Blueprint:
    """Both paths, POST only: OPTIONS is no way in either."""
    hooks = Blueprint("hooks", __name__, url_prefix=PATH)

    def receive(merchant_id: str | None = None) -> Answer:
        return receiver.receive(merchant_id, request.environ)

    for path in ("", "/<merchant_id>"):
        hooks.add_url_rule(path, "receive", receive, methods=["POST"], provide_automatic_options=False)
    return hooks

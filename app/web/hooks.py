"""`POST /webhooks/ultracart[/<merchant_id>]`: takes deliveries into the store; for app.web only.

200 means that everything is on disk. Nothing here calls a CRM or validates a schema.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import structlog
from flask import Blueprint, Response, request

from app.delivery.intake import own, understand
from app.errors import RelayError
from app.events import Admission, Arrival, Unreadable
from app.logs import log_line
from app.settings import Merchant, Settings
from app.ultracart.webhooks import PATH
from app.web.answer import Refusal, Reply, reply
from app.web.auth import Guard
from app.web.body import announced_size, read
from app.web.heartbeat import Heard
from app.web.inbox import Inbox
from app.web.metrics import Meters

RETRY_AFTER = (("Retry-After", "30"),)
NOTHING = Admission(0, 0, 0, 0, ())

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


class Asked(NamedTuple):
    """The headers of a request that count here, None where one is absent."""

    authorization: str | None
    length: str | None
    coding: str | None


class Receiver:
    """What becomes of a POST, step by step in the order of the contract, whichever server brought it."""

    def __init__(
        self, entrances: Mapping[str | None, Door], inbox: Inbox, limit: int, meters: Meters, heard: Heard
    ) -> None:
        self._doors = entrances
        self._meters = meters
        self._heard = heard
        self.inbox = inbox
        self.limit = limit

    @property
    def merchants(self) -> Iterable[str | None]:
        """Who has a door; None is the bare path."""
        return self._doors

    def receive(self, merchant_id: str | None, environ: Mapping[str, Any]) -> Reply:
        """Response one POST that came by WSGI."""
        started = perf_counter()
        try:
            told = environ.get
            asked = Asked(told("HTTP_AUTHORIZATION"), told("CONTENT_LENGTH"), told("HTTP_TRANSFER_ENCODING"))
            merchant, announced = self.let_in(merchant_id, asked)
            body = read(environ, announced, self.limit)
            with or_unavailable(merchant):
                admission = self.own(understand(body, merchant), body, merchant)
            return self.taken(admission, merchant, body, started)
        except Refusal as refusal:
            return self.refused(refusal, started)

    def let_in(self, merchant_id: str | None, asked: Asked) -> tuple[Merchant, int | None]:
        """Whose delivery it is and the size that it announces; raises Refusal 404, 413 or 401."""
        door = self._doors.get(merchant_id)
        if door is None:
            raise Refusal(404, "no such merchant")
        announced = announced_size(asked.length, asked.coding, self.limit)
        door.guard.check(asked.authorization)
        return door.merchant, announced

    def own(self, items: Sequence[Arrival | Unreadable], body: bytes, merchant: Merchant) -> Admission:
        """Put it on disk, what the store chokes on whole; raises RelayError when that did not happen."""
        return own(self.inbox.admit, items, body, merchant.id) if items else NOTHING

    def taken(self, admission: Admission, merchant: Merchant, body: bytes, started: float) -> Reply:
        """200: all of it is on disk."""
        counts = _counts(admission)
        milliseconds = round((perf_counter() - started) * 1000, 2)
        log_line(
            "delivery.received", merchant=merchant.id, bytes=len(body), milliseconds=milliseconds, **counts
        )
        self._heard.note(merchant.id)
        self._meters.admitted(admission)
        self._meters.delivered(200, perf_counter() - started)
        return reply(200, counts | {"ids": admission.ids})

    def refused(self, refusal: Refusal, started: float) -> Reply:
        """Any other status, and why."""
        self._meters.delivered(refusal.status, perf_counter() - started)
        return refusal.reply()


@contextmanager
def or_unavailable(merchant: Merchant) -> Iterator[None]:
    """Whatever the store fails with becomes Refusal 503: the delivery may or may not be there, so it has to
    come again.
    """
    try:
        yield
    except RelayError as error:
        log.error("delivery.refused", merchant=merchant.id, error=type(error).__name__)
        raise unavailable() from error
    except Exception as error:
        log.exception("delivery.failed", merchant=merchant.id)
        raise unavailable() from error


def unavailable() -> Refusal:
    """The store cannot take it: come again in 30 seconds."""
    return Refusal(503, "the store cannot take deliveries now", RETRY_AFTER)


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

    def receive(merchant_id: str | None = None) -> Response:
        return receiver.receive(merchant_id, request.environ).answer()

    for path in ("", "/<merchant_id>"):
        hooks.add_url_rule(path, "receive", receive, methods=["POST"], provide_automatic_options=False)
    return hooks

"""Claim, handle, settle: the one place where an attempt begins and ends, whatever it meets."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from app import policies
from app.delivery.attempt import Attempt, patiently
from app.delivery.probe import KEYS_REFUSED, forbidden_type
from app.delivery.versions import InForce
from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.events import Kind, Outcome, Skipped, Transmission
from app.ontraport.client import CONTACTS, PRODUCTS, object_path
from app.services import Services
from app.store.records import milliseconds, moment
from app.store.transmissions import Ending, Nothing, Settlement
from workers.process import Process

log = structlog.get_logger()

Handler = Callable[[Attempt], Outcome]

ACCOUNT_TROUBLE = frozenset({FailureClass.RETRYABLE, FailureClass.UNKNOWN})


@dataclass(frozen=True)
class Result:
    """How an attempt ended, for Celery and the log."""

    ending: Ending | None
    reason: str


class Engine:
    """Runs attempts for one worker process."""

    def __init__(
        self,
        services: Services,
        handlers: Mapping[Kind, Handler],
        process: Process,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._services = services
        self._in_force = InForce(services)
        self._handlers = handlers
        self._process = process
        self._sleep = sleep

    def attempt(self, transmission_id: str) -> Result:
        """One attempt, from claim to settle; idempotent: what is not ready is left alone."""
        token = secrets.token_hex(6)
        with self._process.at_work(transmission_id, token):
            claimed = self._claim(transmission_id, token)
            if isinstance(claimed, Transmission):
                return self._run(claimed)
        if not claimed.suspect:
            return Result(None, f"nothing to do: {claimed.why}")
        with self._process.at_work(transmission_id, token, alone=True):
            claimed = self._claim(transmission_id, token, alone=True)
            if isinstance(claimed, Nothing):
                return Result(None, f"nothing to do: {claimed.why}")
            return self._run(claimed)

    def _claim(self, transmission_id: str, token: str, *, alone: bool = False) -> Transmission | Nothing:
        process = self._process
        return self._services.transmissions.claim(
            transmission_id, token, process.name, process.slots, alone=alone
        )

    def _run(self, transmission: Transmission) -> Result:
        attempt = Attempt(
            transmission,
            self._services,
            sleep=self._sleep,
            pause=self._process.pause,
            stopping=self._process.stopping,
        )
        fields = {"transmission": transmission.id, "kind": transmission.kind, "attempt": transmission.attempt}
        try:
            settlement = replace(self._handle(attempt), versions=self._in_force(transmission.account))
            patiently(
                lambda: self._services.transmissions.settle(
                    transmission.id, transmission.token, settlement, attempt.exchanges
                ),
                self._sleep,
            )
        except LeaseLost as lost:
            log.warning("attempt.lease_lost", **fields)
            return Result(None, str(lost))
        except StoreUnavailable:
            log.warning("attempt.store_unavailable", **fields)
            raise
        log.info("attempt.settled", ending=settlement.ending, reason=settlement.reason, **fields)
        return Result(settlement.ending, settlement.reason)

    def _handle(self, attempt: Attempt) -> Settlement:
        transmission = attempt.transmission
        if transmission.account not in self._services.accounts:
            reason = f"{transmission.account} is not in the settings: add the merchant again, then replay"
            return Settlement(
                Ending.DEAD, reason, FailureClass.MAPPING, sign="-/settings", condition="permanent"
            )
        try:
            outcome = self._handlers[transmission.kind](attempt)
            if attempt.noted:
                attempt.complete()
        except (LeaseLost, StoreUnavailable):
            raise
        except Postponed as postponed:
            return self._postponed(attempt, postponed)
        except DeliveryFailure as failure:
            return self._failed(attempt, failure)
        except Exception as error:
            log.exception("attempt.crashed", transmission=transmission.id, kind=transmission.kind)
            return Settlement(
                Ending.DEAD,
                "The relay itself failed on it, which is a fault of ours: report the trace in the log",
                FailureClass.POISON,
                announced_row=attempt.announced_row,
                sign=type(error).__name__,
                condition="poison",
            )
        return self._succeeded(attempt, outcome)

    def _succeeded(self, attempt: Attempt, outcome: Outcome) -> Settlement:
        if isinstance(outcome, Skipped):
            return Settlement(Ending.SKIPPED, outcome.reason)
        self._services.gates.succeeded(attempt.transmission.account)
        note = "; ".join(part for part in (outcome.note, attempt.remark) if part)
        return Settlement(Ending.DELIVERED, note)

    @staticmethod
    def _postponed(attempt: Attempt, postponed: Postponed) -> Settlement:
        return Settlement(
            Ending.POSTPONED,
            postponed.reason,
            delay_seconds=postponed.seconds,
            announced_row=attempt.announced_row,
        )

    def _failed(self, attempt: Attempt, failure: DeliveryFailure) -> Settlement:
        transmission = attempt.transmission
        try:
            failure = self._weigh(attempt, failure)
        except Postponed as postponed:
            return self._postponed(attempt, postponed)
        now = self._services.clock()
        decision = policies.decide(
            transmission.kind,
            failure.failure,
            transmission.attempt,
            self._age(transmission, failure, now),
            now,
            wait_seconds=failure.wait_seconds,
        )
        text = ". ".join(part.rstrip(". ") for part in (failure.reason, failure.hint) if part)
        row = attempt.announced_row
        if failure.person or isinstance(decision, policies.Bury):
            condition = "person"
            if failure.failure in policies.NEVER_AGAIN:
                condition = "permanent"
            elif isinstance(decision, policies.Bury):
                condition, text = "age", f"{text} ({decision.reason})"
            return Settlement(Ending.DEAD, text, failure.failure, 0.0, row, failure.sign, condition)
        ending = Ending.RETRYING if isinstance(decision, policies.Retry) else Ending.POSTPONED
        delay = max((decision.at - now) / timedelta(seconds=1), 0.0)
        return Settlement(ending, text, failure.failure, delay, row)

    @staticmethod
    def _age(transmission: Transmission, failure: DeliveryFailure, now: datetime) -> timedelta:
        """Since its arrival; for a write in doubt since its announcement, or since a person sent it again."""
        since = milliseconds(transmission.created_at)
        if failure.failure is FailureClass.UNKNOWN:
            announced = int(transmission.ledger.get("fa") or milliseconds(now))
            since = max(announced, transmission.replayed_ms)
        return now - moment(since)

    def _weigh(self, attempt: Attempt, failure: DeliveryFailure) -> DeliveryFailure:
        """What the failure means for the whole account: the gate closes, or the breaker counts."""
        account, gates = attempt.transmission.account, self._services.gates
        if failure.at_shop:
            return failure
        if failure.failure is FailureClass.PERMISSION:
            failure = self._forbidden(attempt, failure)
        if failure.failure is FailureClass.THROTTLED:
            gates.close(account, "throttled", failure.reason, failure.wait_seconds or 60.0)
        elif failure.failure is FailureClass.AUTH:
            gates.close_for_keys(account, failure.reason)
            log.error("gate.closed", account=account, reason="auth", text=failure.reason)
        elif failure.failure in ACCOUNT_TROUBLE and not (failure.person or failure.looked):
            gates.failed(account, attempt.transmission.subject, failure.reason)
        return failure

    def _forbidden(self, attempt: Attempt, failure: DeliveryFailure) -> DeliveryFailure:
        """403 of one record or of one type of object is its own trouble; of another type too, the key's.

        Raises Postponed when it cannot be found out now: the next attempt meets the same 403 and asks again.
        """
        refused = object_path(failure.path)
        probed = self._probe(attempt, refused)
        if probed is None:
            return failure
        if probed.failure is FailureClass.PERMISSION:
            probed = self._probe(attempt, PRODUCTS if refused == CONTACTS else CONTACTS)
            if probed is None:
                return forbidden_type(failure, refused)
        if probed.failure in KEYS_REFUSED:
            return DeliveryFailure(FailureClass.AUTH, failure.reason, failure.hint, failure.status)
        return probed

    def _probe(self, attempt: Attempt, path: str) -> DeliveryFailure | None:
        """Why this type of object cannot be read now; None if it can."""
        client = self._services.ontraport[attempt.transmission.account]
        try:
            attempt.call(lambda call: client.probe(call, path))
        except DeliveryFailure as failure:
            return failure
        return None

"""Claim, handle, settle: the one place where an attempt begins and ends. The only broad except is here."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app import policies
from app.delivery.attempt import Attempt, patiently
from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.events import Kind, Outcome, Skipped, Transmission
from app.services import Services
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
        self._handlers = handlers
        self._process = process
        self._sleep = sleep

    def attempt(self, transmission_id: str) -> Result:
        """One attempt, from claim to settle; idempotent: what is not ready is left alone."""
        token = secrets.token_hex(6)
        with self._process.at_work(transmission_id, token):
            claimed = self._services.transmissions.claim(transmission_id, token)
            if isinstance(claimed, Transmission):
                return self._run(claimed)
        if not claimed.suspect:
            return Result(None, f"nothing to do: {claimed.why}")
        with self._process.at_work(transmission_id, token, alone=True):
            claimed = self._services.transmissions.claim(transmission_id, token, alone=True)
            if isinstance(claimed, Nothing):
                return Result(None, f"nothing to do: {claimed.why}")
            return self._run(claimed)

    def _run(self, transmission: Transmission) -> Result:
        attempt = Attempt(transmission, self._services, self._sleep, self._process.stopping)
        fields = {"transmission": transmission.id, "kind": transmission.kind, "attempt": transmission.attempt}
        try:
            settlement = self._handle(attempt)
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
            return Settlement(Ending.DEAD, reason, FailureClass.MAPPING)
        try:
            outcome = self._handlers[transmission.kind](attempt)
        except (LeaseLost, StoreUnavailable):
            raise
        except Postponed as postponed:
            return Settlement(
                Ending.POSTPONED,
                postponed.reason,
                delay_seconds=postponed.seconds,
                announced_row=attempt.announced_row,
            )
        except DeliveryFailure as failure:
            return self._failed(attempt, failure)
        except Exception as error:
            log.exception("attempt.crashed", transmission=transmission.id, kind=transmission.kind)
            reason = f"the relay itself failed on it ({type(error).__name__}); the log has the trace"
            return Settlement(Ending.DEAD, reason, FailureClass.POISON, announced_row=attempt.announced_row)
        return self._succeeded(attempt, outcome)

    def _succeeded(self, attempt: Attempt, outcome: Outcome) -> Settlement:
        if isinstance(outcome, Skipped):
            return Settlement(Ending.SKIPPED, outcome.reason)
        self._services.gates.succeeded(attempt.transmission.account)
        return Settlement(Ending.DELIVERED, outcome.note)

    def _failed(self, attempt: Attempt, failure: DeliveryFailure) -> Settlement:
        transmission = attempt.transmission
        failure = self._weigh(attempt, failure)
        now = self._services.clock()
        decision = policies.decide(
            transmission.kind,
            failure.failure,
            transmission.attempt,
            now - transmission.created_at,
            now,
            wait_seconds=failure.wait_seconds,
        )
        text = f"{failure.reason}. {failure.hint}".rstrip(". ") if failure.hint else failure.reason
        row = attempt.announced_row
        if failure.person or isinstance(decision, policies.Bury):
            if isinstance(decision, policies.Bury) and failure.failure not in policies.NEVER_AGAIN:
                text = f"{text} ({decision.reason})"
            return Settlement(Ending.DEAD, text, failure.failure, announced_row=row)
        ending = Ending.RETRYING if isinstance(decision, policies.Retry) else Ending.POSTPONED
        delay = max((decision.at - now) / timedelta(seconds=1), 0.0)
        return Settlement(ending, text, failure.failure, delay, row)

    def _weigh(self, attempt: Attempt, failure: DeliveryFailure) -> DeliveryFailure:
        """What the failure means for the whole account: the gate closes, or the breaker counts."""
        account, gates = attempt.transmission.account, self._services.gates
        if failure.failure is FailureClass.PERMISSION:
            failure = self._forbidden(attempt, failure)
        if failure.failure is FailureClass.THROTTLED:
            gates.close(account, "throttled", failure.reason, failure.wait_seconds or 60.0)
        elif failure.failure is FailureClass.AUTH:
            gates.close_for_keys(account, failure.reason)
            log.error("gate.closed", account=account, reason="auth", text=failure.reason)
        elif failure.failure in ACCOUNT_TROUBLE and not failure.person:
            gates.failed(account, attempt.transmission.subject, failure.reason)
        return failure

    def _forbidden(self, attempt: Attempt, failure: DeliveryFailure) -> DeliveryFailure:
        """403 of one object is its own trouble; 403 of everything is the key's."""
        client = self._services.ontraport[attempt.transmission.account]
        try:
            attempt.call(lambda call: client.probe(call))
        except DeliveryFailure as probed:
            if probed.failure in (FailureClass.PERMISSION, FailureClass.AUTH):
                return DeliveryFailure(FailureClass.AUTH, failure.reason, failure.hint, failure.status)
        except Postponed:
            pass
        return failure

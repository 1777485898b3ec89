"""One claimed transmission at work: permission, call and record, one step after the other.

Every call to a CRM goes through `Attempt.call`; a write that must not happen twice through `Attempt.once`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.events import Exchange, Transmission
from app.ontraport.context import RateLimit, boot_seconds
from app.services import Services
from app.store.ledger import CALL_LEASE_MS, CALL_SECONDS, GateClosed, Go, Ledger, Pause, Write
from app.store.records import Codec

T = TypeVar("T")

FIRST_LOOK_SECONDS = 5.0
QUIET_MS = 90_000
BETWEEN_LOOKS_MS = 15_000
STORE_RETRY_SECONDS = 20.0


@dataclass
class Call:
    """The permission for one call, as the CRM client sees it (app.ontraport.context.CallContext)."""

    deadline: float
    record: Callable[[Exchange], None]
    observe: Callable[[RateLimit], None]

    @classmethod
    def unrecorded(cls, seconds: float) -> "Call":
        """A read for nobody's transmission, to end within `seconds`: nothing is kept of it."""
        return cls(boot_seconds() + seconds, record=lambda exchange: None, observe=lambda limits: None)

    def check(self) -> None:
        """Refuses to send when the process was frozen past what its lease allows."""
        if boot_seconds() >= self.deadline:
            raise LeaseLost("the lease ended before the request was sent; nothing was sent")


@dataclass
class Attempt:
    """The working side of a Transmission. Used by one thread, from claim to settle.

    `pause` waits for a slot of the budget and ends early at SIGTERM; `sleep` waits for the store. `remark`
    is what the log says besides the outcome.
    """

    transmission: Transmission
    services: Services
    sleep: Callable[[float], None] = time.sleep
    pause: Callable[[float], None] = time.sleep
    stopping: Callable[[], bool] = lambda: False
    exchanges: list[bytes] = field(default_factory=list)
    noted: list[Write] = field(default_factory=list)
    remark: str = ""
    announced_row: str = ""
    _looked_ms: int = 0

    @property
    def row(self) -> str:
        """The key of this subject's ledger row."""
        return Ledger.row(self.transmission.account, self.transmission.subject)

    def call(self, action: Callable[[Call], T], *, row: str = "", step: str = "") -> T:
        """Makes one call to the CRM within the account's gate and budget.

        Raises Postponed (gate, budget, shutdown), LeaseLost, DeliveryFailure.
        """
        return action(self.permit(row, step))

    def permit(self, row: str = "", step: str = "") -> Call:
        """The permission for one request, waited for; raises Postponed or LeaseLost."""
        return self._permission(row or self.row, step)

    def once(
        self,
        row: str,
        fields: Mapping[str, str],
        step: str,
        *,
        act: Callable[[Call], str],
        look: Callable[[str], str | None],
        writes: Callable[[str], Sequence[Write]],
        trusted: Callable[[], bool],
    ) -> str:
        """Carries out a write that must happen exactly once, and records its result.

        `fields` is `row` as read; an announcement in it means that an earlier attempt may have written:
        then `look` comes first; writing again needs two empty looks, the first 90 s after the announcement.
        `step` is a word and what was sent in short; `look` is given the step that was announced.
        """
        announced = fields.get("fs", "")
        if announced.partition(" ")[0] == step.partition(" ")[0]:
            self._looked_ms = 0
            found = look(announced)
            if found is None:
                self._empty_look(row, fields, trusted)
            else:
                self.complete(writes(found), row)
                return found
        result = self._write(row, step, act)
        self.complete(writes(result), row)
        return result

    def complete(self, writes: Sequence[Write] = (), announced_row: str = "") -> None:
        """Records results and exchanges; keeps trying while the store is away. Raises LeaseLost."""
        exchanges, self.exchanges = self.exchanges, []
        writes, self.noted = [*self.noted, *writes], []
        patiently(
            lambda: self.services.ledger.complete(
                self.transmission.id,
                self.transmission.token,
                announced_row=announced_row or self.announced_row,
                writes=writes,
                exchanges=exchanges,
            ),
            self.sleep,
        )
        self.announced_row = ""

    def hold(self) -> None:
        """Extends the lease for a call that is not made to the CRM. Raises LeaseLost."""
        patiently(
            lambda: self.services.ledger.complete(
                self.transmission.id, self.transmission.token, lease_ms=CALL_LEASE_MS
            ),
            self.sleep,
        )

    def note(self, writes: Sequence[Write]) -> None:
        """Writes that need no round trip of their own: they go with the next `complete`."""
        self.noted += writes

    def acquire(self, row: str, what: str) -> Mapping[str, str]:
        """Becomes the one writer of a shared row; raises Postponed while another transmission is at it."""
        fields = self.services.ledger.acquire(self.transmission.id, self.transmission.token, row)
        if fields is None:
            raise Postponed(1.0, f"another transmission is writing {what}")
        return fields

    def _write(self, row: str, step: str, act: Callable[[Call], str]) -> str:
        try:
            return self.call(act, row=row, step=step)
        except DeliveryFailure as failure:
            if failure.failure is FailureClass.UNKNOWN:
                failure.wait_seconds = FIRST_LOOK_SECONDS
            else:
                self.announced_row = row
            raise

    def _empty_look(self, row: str, fields: Mapping[str, str], trusted: Callable[[], bool]) -> None:
        """Returns when the write may be made again; else raises with the time of the next look."""
        now = self._looked_ms
        quiet = now - int(fields["fa"])
        if quiet < QUIET_MS:
            raise self._unknown((QUIET_MS - quiet) / 1000 + 0.5)
        if fields.get("fl", "0") == "0":
            self.complete([(row, "fl", 1), (row, "fe", now)])
            raise self._unknown(BETWEEN_LOOKS_MS / 1000 + 0.5)
        if now - int(fields["fe"]) < BETWEEN_LOOKS_MS:
            raise self._unknown((BETWEEN_LOOKS_MS - now + int(fields["fe"])) / 1000 + 0.5)
        if self.transmission.replayed_ms <= int(fields["fa"]) and not trusted():
            raise self._unknown(60.0)

    @staticmethod
    def _unknown(seconds: float) -> DeliveryFailure:
        return DeliveryFailure(
            FailureClass.UNKNOWN,
            "ONTRAPORT did not say whether it took the last write: that is looked up before another write",
            wait_seconds=seconds,
            looked=True,
        )

    def _permission(self, row: str, step: str) -> Call:
        reserved = False
        while True:
            if self.stopping():
                raise Postponed(1.0, "this worker is shutting down")
            before = boot_seconds()
            answer = self._announce(row, step, reserved)
            if isinstance(answer, Go):
                # The first request of a look counts: what it has listed is not seen again on later pages.
                self._looked_ms = self._looked_ms or answer.announced_ms
                return Call(before + CALL_SECONDS, self.record, self._observe)
            if isinstance(answer, GateClosed):
                raise Postponed(1.0, "the account's gate is closed")
            if not answer.reserved:
                raise Postponed(answer.seconds, "the account's budget is used up for now")
            self.pause(answer.seconds)
            reserved = True

    @property
    def _interval_ms(self) -> float:
        rate = self.services.accounts[self.transmission.account].ontraport.rate_per_minute
        return 60_000 / rate if rate else 0.0

    def _announce(self, row: str, step: str, reserved: bool) -> Go | Pause | GateClosed:
        return self.services.ledger.announce(
            self.transmission.id,
            self.transmission.token,
            row,
            step,
            interval_ms=self._interval_ms,
            reserved=reserved,
        )

    def record(self, exchange: Exchange) -> None:
        """Keeps an exchange; it is written with the next `complete`, or when the attempt ends."""
        told = replace(exchange, attempt=self.transmission.attempt)
        self.exchanges.append(Codec().pack_exchange(told))

    def _observe(self, limits: RateLimit) -> None:
        account, interval_ms = self.transmission.account, self._interval_ms
        self.services.budget.observe(account, limits.remaining, limits.reset_seconds, interval_ms=interval_ms)


def patiently(write: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """Makes a write to the store, trying again while it is away, up to STORE_RETRY_SECONDS."""
    end = boot_seconds() + STORE_RETRY_SECONDS
    while True:
        try:
            return write()
        except StoreUnavailable:
            if boot_seconds() > end:
                raise
            sleep(0.5)

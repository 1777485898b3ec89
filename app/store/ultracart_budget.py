"""The permission for each request to UltraCart, shared by all processes: one at a time, so many an hour.

UltraCart allows 1,000 requests an hour and 10,000 a day by key and by address, and refuses a second one
while the first is on its way. https://www.ultracart.com/api/rate_limiting.html
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.events import Exchange
from app.http.context import boot_seconds
from app.store.connection import store_errors
from app.store.scripting import Scripts

CALL_SECONDS = 60.0
# The lock outlives the call's deadline, so that the next request starts after this one has been given up.
LEASE_MARGIN_SECONDS = 5.0
# After silence UltraCart may still be at work on the request; a second one would be a concurrent one.
REST_AFTER_SILENCE_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests a caller finds acceptable in any hour and any day, all callers counted together."""

    an_hour: int
    a_day: int


# A little less than is allowed: the two clocks differ. Polls leave room for orders that must be fetched.
FULL = Allowance(970, 9_700)
BACKGROUND = Allowance(750, 7_500)


def _no_record(exchange: Exchange) -> None:
    """Polls are not recorded one by one."""


@dataclass(frozen=True, slots=True)
class ShopCall:
    """The permission for one request, as the client sees it (app.http.context.CallContext)."""

    deadline: float
    record: Callable[[Exchange], None] = _no_record

    def check(self) -> None:
        """Refuses to send when the process was frozen past what its lease allows."""
        if boot_seconds() >= self.deadline:
            raise LeaseLost("the permission ended before the request was sent; nothing was sent")


class UltracartBudget:
    """Hands out permits; what the processes know of each other lies in Redis."""

    def __init__(self, scripts: Scripts, sleep: Callable[[float], None] = time.sleep) -> None:
        self._scripts = scripts
        self._sleep = sleep

    @contextmanager
    def permit(
        self,
        merchant_id: str,
        record: Callable[[Exchange], None] = _no_record,
        *,
        allowance: Allowance = FULL,
        patience: float = PATIENCE_SECONDS,
    ) -> Iterator[ShopCall]:
        """The permission for one request, for the length of a `with`; waits for it up to `patience` seconds.

        Raises Postponed with the time to come again, or StoreUnavailable. A failure that passes through
        it teaches all processes: after a 429 nobody asks this shop until the time that UltraCart named.
        """
        token, call = self._granted(merchant_id, record, allowance, patience)
        rest = REST_AFTER_SILENCE_SECONDS
        try:
            yield call
            rest = 0.0
        except (DeliveryFailure, LeaseLost) as error:
            rest = _rest_after(error)
            raise
        finally:
            self._release(merchant_id, token, rest)

    def _granted(
        self, merchant_id: str, record: Callable[[Exchange], None], allowance: Allowance, patience: float
    ) -> tuple[bytes, ShopCall]:
        end = boot_seconds() + patience
        while True:
            before = boot_seconds()
            word, value = self._ask(merchant_id, allowance)
            if word == b"go":
                return value, ShopCall(before + CALL_SECONDS, record)
            seconds = LOOK_AGAIN_SECONDS if word == b"busy" else int(value) / 1000
            if boot_seconds() + seconds > end:
                raise Postponed(max(seconds, 1.0), _WHY[word])
            self._sleep(seconds)

    def _ask(self, merchant_id: str, allowance: Allowance) -> tuple[bytes, bytes]:
        lease = round((CALL_SECONDS + LEASE_MARGIN_SECONDS) * 1000)
        with store_errors():
            answer = self._scripts.run(
                "ultracart_permit", merchant_id, lease, allowance.an_hour, allowance.a_day
            )
        return answer[0], answer[1]

    def _release(self, merchant_id: str, token: bytes, rest: float) -> None:
        # If the store is away, the lock ends by itself; the answer that was given stands.
        with suppress(StoreUnavailable), store_errors():
            self._scripts.run("ultracart_release", merchant_id, token, round(rest * 1000))


_WHY = {
    b"busy": "another request to UltraCart is on its way, and it takes one at a time",
    b"wait": "UltraCart's allowance of requests is used up for now",
}


def _rest_after(error: DeliveryFailure | LeaseLost) -> float:
    if isinstance(error, LeaseLost):
        return 0.0
    if error.failure is FailureClass.THROTTLED:
        return error.wait_seconds or REST_AFTER_SILENCE_SECONDS
    return 0.0 if error.status else REST_AFTER_SILENCE_SECONDS

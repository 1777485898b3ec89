"""The ledger of effects: what stands in the stand-in ONTRAPORT, in memory only; for app.sandbox only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from app.sandbox.contacts import Contacts
from app.sandbox.products import Products
from app.sandbox.sales import Sales


def utc_now() -> datetime:
    """The clock of a running sandbox."""
    return datetime.now(UTC)


class Ledger:
    """Contacts, products and sales under one lock, so that a snapshot of all of them is consistent."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget everything and count ids from 1 again."""
        with self.lock:
            self.contacts = Contacts(self.lock, self._clock)
            self.products = Products(self.lock, self._clock)
            self.sales = Sales(self.lock, self._clock, self.contacts.by_id, self.products.by_id)

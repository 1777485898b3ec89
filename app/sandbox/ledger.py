"""The ledger of effects: what stands in the stand-in ONTRAPORT, in memory only; for app.sandbox only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from app.sandbox.contacts import FIRST_CUSTOM_FIELD, Contacts
from app.sandbox.products import Products
from app.sandbox.sales import Sales


def utc_now() -> datetime:
    """The clock of a running sandbox."""
    return datetime.now(UTC)


class Ledger:
    """Contacts, products and sales under one lock, so that a snapshot of all of them is consistent."""

    def __init__(self, clock: Callable[[], datetime] = utc_now, first_id: int = 1) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self.reset(first_id)

    def reset(self, first_id: int | None = None) -> None:
        """Forget everything. No id is given twice, as in the real one, unless told where to begin."""
        with self.lock:
            if first_id is not None:
                self._ids = [count(first_id) for _ in range(3)]
                self._field_keys = count(FIRST_CUSTOM_FIELD + first_id - 1)
            contacts, products, sales = self._ids
            self.contacts = Contacts(self.lock, self._clock, contacts, self._field_keys)
            self.products = Products(self.lock, self._clock, products)
            self.sales = Sales(self.lock, self._clock, self.contacts.by_id, self.products.by_id, sales)

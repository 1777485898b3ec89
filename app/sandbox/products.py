"""Products, in memory, thread-safe; for app.sandbox only. Neither name nor external_id need be unique."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.fields import PRODUCT_EDITABLE, PRODUCT_FIELDS, as_text
from app.sandbox.records import Product
from app.sandbox.refusals import NOT_FOUND, Refused


class Products:
    """All products by id; every method is one atomic step."""

    def __init__(self, lock: threading.RLock, clock: Callable[[], datetime], ids: Iterator[int]) -> None:
        self._lock = lock
        self._clock = clock
        self._ids = ids
        self.by_id: dict[str, Product] = {}

    def create(self, values: Mapping[str, Any]) -> Product:
        """One more product, even if another has its name; Refused(400) without a name."""
        settable = _settable(values)
        if not settable.get("name"):
            raise Refused(400, "Invalid name")
        with self._lock:
            now = self._clock()
            stamp = str(int(now.timestamp()))
            system = {"id": str(next(self._ids)), "date": stamp, "dlm": stamp, "deleted": "0"}
            row = dict.fromkeys(PRODUCT_FIELDS, "") | system | settable
            self.by_id[row["id"]] = Product(row["id"], row, now)
            return self.by_id[row["id"]]

    def update(self, product_id: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Set fields of one product and give those that were set. Refused(404) if there is none."""
        with self._lock:
            product = self.by_id.get(product_id)
            if product is None:
                raise Refused(404, NOT_FOUND)
            changed = _settable(values) | {"dlm": str(int(self._clock().timestamp()))}
            product.fields.update(changed)
            return changed | {"id": product_id}

    def rows(self, lag: float = 0) -> list[dict[str, str]]:
        """Every product as a row of strings; with a lag, without those made in the last `lag` seconds."""
        with self._lock:
            since = self._clock() - timedelta(seconds=lag)
            return [
                dict(product.fields) for product in self.by_id.values() if not lag or product.created <= since
            ]


def _settable(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: as_text(value) for name, value in values.items() if name in PRODUCT_EDITABLE}

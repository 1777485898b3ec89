"""What the shop holds: rows as UltraCart's REST objects, in memory, thread-safe; for app.sandbox only."""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from app.sandbox.refusals import Refused
from app.sandbox.traffic import Traffic
from app.sandbox.ultracart_door import Door

Row = dict[str, Any]
MERCHANT = "DEMO"
# What the rows of a collection are called by; a whole number is given to a row that comes without one.
KEYS = {
    "items": "merchant_item_oid",
    "affiliates": "affiliate_oid",
    "orders": "order_id",
    "auto_orders": "auto_order_oid",
    "customers": "customer_profile_oid",
    "webhooks": "webhook_oid",
    "webhook_logs": "request_id",
}
# A row that is put in again under this name is the same one.
_NAMES = {"items": "merchant_item_id"}
_TEXT_KEYS = frozenset({"orders", "webhook_logs"})
_NO_MERCHANT = frozenset({"webhook_logs"})
LAST_OID = 1000


class Shop:
    """One merchant's shop, with its limits and its traffic. Rows are copied on their way in and out."""

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        self.key = key
        self.door = Door()
        self.traffic = Traffic()
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """An empty shop with UltraCart's limits; its numbers begin anew."""
        with self._lock:
            self._rows: dict[str, dict[str, Row]] = {name: {} for name in KEYS}
            self._last_oid = LAST_OID
            self.door.reset()
            self.traffic.reset()

    def fill(self, document: Any) -> dict[str, int]:
        """Put rows in by collection; how many each holds then. Refused(400) for what makes no sense."""
        _check(document)
        with self._lock:
            for name, rows in document.items():
                for row in rows:
                    self.put(name, row)
            return self.counts()

    def put(self, name: str, row: Mapping[str, Any]) -> Row:
        """Put one row in, in the place of the one with its id or name; gives it with its id."""
        with self._lock:
            new: Row = json.loads(json.dumps(row))
            new.setdefault(KEYS[name], self._id(name, new))
            if name not in _NO_MERCHANT:
                new.setdefault("merchant_id", MERCHANT)
            if name == "items":
                now = self._clock().isoformat(timespec="seconds")
                new = {"creation_dts": now, "last_modified_dts": now} | new
            self._rows[name][str(new[KEYS[name]])] = new
            return dict(new)

    def rows(self, name: str) -> list[Row]:
        """All rows of a collection in the order in which they first came."""
        with self._lock:
            rows: list[Row] = json.loads(json.dumps(list(self._rows[name].values())))
            return rows

    def get(self, name: str, identifier: object) -> Row:
        """One row. Refused(404) if there is none."""
        with self._lock:
            row = self._rows[name].get(str(identifier))
            if row is None:
                raise Refused(404, f"{KEYS[name]} {identifier} does not exist")
            found: Row = json.loads(json.dumps(row))
            return found

    def find(self, name: str, field: str, value: str) -> Row:
        """The first row with this value. Refused(404) if there is none."""
        for row in self.rows(name):
            if str(row.get(field)) == value:
                return row
        raise Refused(404, f"{field} {value} does not exist")

    def remove(self, name: str, identifier: object) -> None:
        """Take one row out. Refused(404) if there is none."""
        with self._lock:
            self.get(name, identifier)
            del self._rows[name][str(identifier)]

    def counts(self) -> dict[str, int]:
        """How many rows each collection holds."""
        with self._lock:
            return {name: len(rows) for name, rows in self._rows.items()}

    def _id(self, name: str, row: Row) -> int | str:
        known = _NAMES.get(name)
        if known and row.get(known) is not None:
            for other in self._rows[name].values():
                if other.get(known) == row[known]:
                    oid: int = other[KEYS[name]]
                    return oid
        self._last_oid += 1
        return f"{MERCHANT}-{self._last_oid}" if name in _TEXT_KEYS else self._last_oid


def _check(document: Any) -> None:
    if not isinstance(document, dict) or set(document) - set(KEYS):
        raise Refused(400, f"an object with lists of {', '.join(KEYS)} is expected")
    for name, rows in document.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Refused(400, f"{name} must be a list of objects")

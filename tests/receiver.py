"""What the tests of the receiver share: an inbox in memory, settings, deliveries."""

import asyncio
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app.events import Admission, Arrival, Unreadable
from app.settings import Merchant, OntraportAccount, Secret, Settings

LIMIT = 64 * 1024
PATH = "/webhooks/ultracart"


class FakeInbox:
    """Admission in memory: all or nothing, one id an event, a duplicate answers with the first one's id."""

    def __init__(self) -> None:
        self.kept: dict[str, Arrival | Unreadable] = {}
        self.merchants: list[str] = []
        self.failure: Exception | None = None
        self.fails_on: Callable[[Arrival | Unreadable], bool] = lambda item: False
        self.delay_seconds = 0.0
        self._seen: dict[bytes, str] = {}
        self._lock = threading.Lock()

    def admit(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        time.sleep(self.delay_seconds)
        self._fail_if_told(items)
        with self._lock:
            self.merchants.append(merchant_id)
            fates, ids = zip(*[self._take(item) for item in items], strict=True)
        return Admission(
            accepted=fates.count("accepted"),
            duplicates=fates.count("duplicates"),
            ignored=fates.count("ignored"),
            quarantined=fates.count("quarantined"),
            ids=ids,
        )

    async def admit_async(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        return await asyncio.to_thread(self.admit, items, merchant_id)

    def ready(self) -> None:
        self._fail_if_told(())

    def _fail_if_told(self, items: Sequence[Arrival | Unreadable]) -> None:
        if self.failure:
            raise self.failure
        if any(self.fails_on(item) for item in items):
            raise RuntimeError("a fault with 4111111111111111 in its message")

    def _take(self, item: Arrival | Unreadable) -> tuple[str, str]:
        identity = f"e{len(self.kept) + 1}"
        if isinstance(item, Unreadable):
            self.kept[identity] = item
            return "quarantined", identity
        first = self._seen.setdefault(item.event.digest, identity)
        if first != identity:
            return "duplicates", first
        self.kept[identity] = item
        return ("ignored" if item.ignored else "accepted"), identity

    @property
    def arrivals(self) -> list[Arrival]:
        """The events that were taken, ignored ones too."""
        return [item for item in self.kept.values() if isinstance(item, Arrival)]

    @property
    def quarantine(self) -> list[Unreadable]:
        """What could not be read."""
        return [item for item in self.kept.values() if isinstance(item, Unreadable)]


def merchant(merchant_id: str = "DEMO", name: str = "demo", passwords: Sequence[str] = ("demo",)) -> Merchant:
    """A merchant with these webhook credentials."""
    keys = OntraportAccount(Secret("app"), Secret("key"), "http://127.0.0.1:9/1", 170)
    secrets = tuple(Secret(password) for password in passwords)
    return Merchant(merchant_id, name, secrets, Secret(), "http://127.0.0.1:9/rest/v2", keys)


def settings(*merchants: Merchant, usual: str = "", limit: int = LIMIT) -> Settings:
    """Settings of these merchants, DEMO when none is given; `usual` is ULTRACART_MERCHANT_ID."""
    known = {one.id: one for one in merchants or (merchant(),)}
    return Settings(merchants=known, ultracart_merchant_id=usual, webhook_max_bytes=limit)


def basic(name: str = "demo", secret: str = "demo", encoding: str = "utf-8") -> str:  # noqa: S107 - of a stand-in
    """The value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{secret}".encode(encoding)).decode()


def order(order_id: str = "DEMO-1", name: str = "order_create", **fields: Any) -> dict[str, Any]:
    """One event of an order, paid unless `fields` say otherwise."""
    payload = {
        "merchant_id": "DEMO",
        "order_id": order_id,
        "payment": {"payment_status": "Processed", "payment_dts": "2026-05-18T12:10:19-04:00"},
        "summary": {"total": {"value": 12.5, "currency_code": "USD"}},
        "items": [],
    }
    return {name: payload | fields}


def delivery(*events: Mapping[str, Any]) -> bytes:
    """The body of a delivery in the newer envelope."""
    return orjson.dumps({"events": events})

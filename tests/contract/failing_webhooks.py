"""A stand-in shop whose deliveries to the relay fail and are logged, and what the poll makes of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.services import Services
from tasks.poll_runs import PollReport
from tasks.webhook_polling import poll_webhook
from tests.contract.shops import ShopAt
from tests.integration.orders import Order, delivery

HERE = "https://relay.example.com"


@dataclass
class Failing:
    """The shop with a webhook to here (7), one to somebody else (8), and a log that tests write."""

    services: Services
    shop: ShopAt
    start: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=20))
    entries: int = 0

    @classmethod
    def of(cls, services: Services, shop: ShopAt) -> "Failing":
        """Both webhooks, no log."""
        hooks = {7: f"{HERE}/webhooks/ultracart/DEMO", 8: "https://example.com/hook"}
        shop.fill(webhooks=[{"webhook_oid": oid, "webhook_url": url} for oid, url in hooks.items()])
        return cls(replace(services, settings=replace(services.settings, relay_public_url=HERE)), shop)

    def log(self, body: bytes | None = None, **fields: Any) -> str:
        """One more entry, a second after the last: failed, of this body, None where none is kept; its id."""
        self.entries += 1
        row = {
            "webhook_oid": 7, "request_id": f"r{self.entries}", "success": False, "status_code": 503,
            "delivery_dts": (self.start + timedelta(seconds=self.entries)).isoformat(), **told(body or b"{}"),
            "request": None if body is None else body.decode(), **fields,
        }  # fmt: skip
        self.shop.fill(webhook_logs=[{name: value for name, value in row.items() if value is not None}])
        return str(row["request_id"])

    def log_orders(self, *orders: Order, **fields: Any) -> str:
        """An entry of which the log keeps no body, but the names of its orders."""
        ids = [one.id for one in orders]
        return self.log(**{"order_ids": ids, "event_names": ["order_create"], **fields})

    def poll(self) -> PollReport:
        """One run."""
        return poll_webhook(self.services, self.services.settings.merchants["DEMO"])

    def poll_to_the_end(self) -> PollReport:
        """Run after run, as beat starts them; the last report."""
        for _ in range(100):
            report = self.poll()
            if report.ending != "stopped":
                break
        assert report.ending == "done", report
        return report

    def states(self, kind: str = "sale") -> dict[str, int]:
        """How many transmissions of a kind there are, by state."""
        states = self.services.log.counts("ontraport:DEMO").states.get(kind, {})
        return {state: number for state, number in states.items() if number}

    def sums(self) -> dict[str, int]:
        """What `relay status` tells of all looks."""
        sums: dict[str, int] = self.services.polling.cursor("DEMO", "webhook").get("sums", {})
        return sums

    def subjects(self, kind: str = "sale") -> list[str]:
        """What there is a transmission of this kind for, with how often."""
        keys: Any = self.services.client.scan_iter("t:*")
        rows = [self.services.ledger.read(key.decode()) for key in keys]
        return sorted(row["s"] for row in rows if row["k"] == kind)


def told(body: bytes) -> dict[str, Any]:
    """What the list tells of a delivery."""
    try:
        found = json.loads(body)
    except ValueError:
        found = []
    events = found.get("events", []) if isinstance(found, dict) else found
    pairs = [pair for event in events if isinstance(event, Mapping) for pair in event.items()]
    ids = {value.get("order_id") for _, value in pairs if isinstance(value, Mapping)} - {None}
    return {"order_ids": sorted(ids), "event_names": sorted({name for name, _ in pairs})}


def named(*orders: Order) -> list[str]:
    """The subjects of these orders."""
    return sorted(f"order:{one.id}" for one in orders)


def cut(*orders: Order, at: int = 100_000) -> bytes:
    """The first characters of a long delivery of these orders."""
    body = delivery(*orders)
    assert len(body) > at
    return body[:at]

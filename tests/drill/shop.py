"""The shop of a drill: customers with orders, subscriptions, refunds and parcels; items and affiliates.

Everything follows from the seed but the day. Each thing that happens has its own second, none before the
relay's start: of orders older than its ledger it would ask the CRM first, and a sale logged twice might go
unnoticed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.drill.truth import Event, Priced, Refunded, Shown, Sold, Tagged

ITEMS = ("BONE", "LEASH", "BOWL", "BED", "TOY")
TELLERS = ("order_create", "order_payment_process", "order_stage_change", "order_update")
STREETS = ("Maple", "Oak", "Cedar", "Lake", "Hill")
STATUS, ADDRESS = "Auto Order Status", "address"
SHIPPED, REJECTED = "Shipped", "Rejected"


@dataclass
class Shop:
    """What happened in the shop, customer by customer, from `begin` to `end` (unix seconds).

    `orders` are as they stand in the end, `items` as they were made.
    """

    seed: int
    begin: int
    end: int = 0
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = Random(f"shop {self.seed}")

    def events(self, at_least: int) -> list[Event]:
        """That many events or a few more."""
        found = [*self._items(), *self._affiliates()]
        number = 0
        while len(found) < at_least:
            number += 1
            found += Customer(self, number).story()
        self.items = [one.payload for one in found if one.name == "item_create"]
        # In the order of each story, so that the last snapshot of an order is the one that stands.
        self.orders = {one.payload["order_id"]: one.payload for one in found if "order_id" in one.payload}
        return found

    def _items(self) -> Iterator[Event]:
        for item in ITEMS:
            for version in range(4):
                cents, at = self.chance.randrange(100, 9000), self.begin + version
                payload = {
                    "merchant_id": "DEMO",
                    "merchant_item_id": item,
                    "description": f"{item} for the dog",
                    "inactive": False,
                    "pricing": {"cost": cents / 100, "currency_code": "USD"},
                    "last_modified_dts": stamp(at),
                }
                name = "item_update" if version else "item_create"
                yield Event(name, payload, (Priced(item, cents, at),))

    def _affiliates(self) -> Iterator[Event]:
        for number in range(1, 6):
            email = f"partner.{number}@affiliates.example.com"
            payload = {
                "merchant_id": "DEMO",
                "affiliate_oid": number,
                "email": email,
                "first_name": "Ann",
                "status": "Active" if number % 2 else "Inactive",
            }
            approved = "True" if number % 2 else "False"
            means = (
                Shown(email, "AffiliateId", str(number), 0),
                Shown(email, "Affiliate Approved", approved, 0),
            )
            yield Event("affiliate_update", payload, means)


@dataclass
class Customer:
    """One customer's story; `now` is the second at which the last thing happened."""

    shop: Shop
    number: int
    orders: int = 0
    now: int = 0

    def __post_init__(self) -> None:
        self.chance = self.shop.chance
        self.now = self.shop.begin
        self.email = f"jane.{self.shop.seed}.{self.number}@example.com"

    def story(self) -> Iterator[Event]:
        """Every event, in the order in which it happened."""
        if self.chance.random() < 0.5:
            yield self._profile("customer_create")
        refunded = self.chance.random() < 0.4
        for nth in range(self.chance.randint(1, 3)):
            yield from self._order(refunded and nth == 0)
        if self.chance.random() < 0.3:
            yield from self._subscription()
        if self.chance.random() < 0.2:
            yield from self._rejected()
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            yield self._profile("customer_update")

    def _order(self, refunded: bool) -> Iterator[Event]:
        order = self._paid_order()
        sold = self._sold(order)
        for name in self.chance.sample(TELLERS, self.chance.randint(1, 4)):
            yield Event(name, order, (sold, self._home(order)))
        if refunded:
            yield from self._refunds(order, sold)
        if self.chance.random() < 0.3:
            shipped = self._moved(order, "Completed Order")
            yield Event("order_ship", shipped, (sold, self._home(order), Tagged(self.email, SHIPPED)))

    def _refunds(self, order: dict[str, Any], sold: Sold) -> Iterator[Event]:
        half, most = sold.cents // 2, sold.cents
        for cents in self.chance.choice(((most,), (half,), (half // 2, half), (half, most))):
            at = self._later()
            summary = {**order["summary"], "total_refunded": money(cents)}
            payment = {**order["payment"], "payment_status": "Refunded" if cents == most else "Processed"}
            told = {**order, "summary": summary, "payment": payment, "refund_dts": stamp(at)}
            for name in ("order_refund", "order_update"):
                refund = Refunded(sold.order, self.email, cents, most)
                yield Event(name, told, (sold, self._home(order), refund))

    def _subscription(self) -> Iterator[Event]:
        code = f"AO-{self.shop.seed}-{self.number}"
        words = ["active", *self.chance.choice(((), ("card declined",), ("card declined", "cancelled")))]
        for nth, word in enumerate(words):
            at = self._later()
            name = ("auto_order_create", "auto_order_decline", "auto_order_cancel")[nth]
            yield Event(name, self._auto_order(code, word, at), (Shown(self.email, STATUS, word, at),))
            if nth == 0:
                yield from self._rebill(code)

    def _rebill(self, code: str) -> Iterator[Event]:
        order = self._paid_order()
        yield Event("order_create", order, (self._sold(order), self._home(order)))
        at = self._later()
        yield Event(
            "auto_order_rebill",
            self._auto_order(code, "active", at),
            (Shown(self.email, STATUS, "active", at),),
        )

    def _rejected(self) -> Iterator[Event]:
        order = self._paid_order()
        order["payment"] = {"payment_method": "Credit Card", "payment_status": "Declined"}
        gone = self._moved(order, "Rejected") | {"reject_dts": stamp(self.now)}
        yield Event("order_reject", gone, (self._home(order), Tagged(self.email, REJECTED)))

    def _profile(self, name: str) -> Event:
        # Newer than the stamps of every order, even of one that is told of later.
        at = self._later() + 1_000_000
        street = f"{self.now} {self.chance.choice(STREETS)} Street"
        payload = {
            "merchant_id": "DEMO",
            "customer_profile_oid": self._oid,
            "email": self.email,
            "last_modified_dts": stamp(at),
            "billing": [self._person(street) | {"default_billing": True}],
        }
        return Event(name, payload, (Shown(self.email, ADDRESS, street, at),))

    def _paid_order(self) -> dict[str, Any]:
        self.orders += 1
        made, paid = self._later(), self._later()
        lines = list(self._lines())
        subtotal = sum(round(line["total_cost_with_discount"]["value"] * 100) for line in lines)
        tax, shipping = self.chance.choice((0, 0, 317)), self.chance.choice((0, 795))
        return {
            "merchant_id": "DEMO",
            "order_id": f"DEMO-{self.shop.seed}-{self.number:05d}-{self.orders}",
            "creation_dts": stamp(made),
            "current_stage": "Shipping Department",
            "currency_code": "USD",
            "billing": self._person(f"{made} Main Street") | {"email": self.email},
            "customer_profile": {"customer_profile_oid": self._oid, "email": self.email},
            "items": lines,
            "summary": {
                "subtotal": money(subtotal),
                "subtotal_discount": money(0),
                "tax": money(tax),
                "shipping_handling_total": money(shipping),
                "total": money(subtotal + tax + shipping),
                "total_refunded": money(0),
            },
            "payment": {
                "payment_method": "Credit Card",
                "payment_status": "Processed",
                "payment_dts": stamp(paid),
                "test_order": False,
            },
        }

    def _lines(self) -> Iterator[dict[str, Any]]:
        """One to three lines: some with a discount, some a kit with its parts."""
        for index, item in enumerate(self.chance.sample(ITEMS, self.chance.randint(1, 3)), start=1):
            quantity, cents = self.chance.randint(1, 3), self.chance.randrange(500, 9000)
            total = quantity * cents
            if self.chance.random() < 0.3:
                total -= self.chance.randrange(1, 400)
            yield line(item, index, quantity, cents, total)
        if self.chance.random() < 0.2:
            yield line("KIT", 10, 1, 4995, 4995, kit=True)
            yield line("BRUSH", 11, 2, 0, 0, kit_component=True, parent_item_index=10)

    def _moved(self, order: dict[str, Any], stage: str) -> dict[str, Any]:
        step = {"before_stage": "Shipping Department", "after_stage": stage}
        moved = {**step, "transition_dts": stamp(self._later())}
        return {**order, "current_stage": stage, "current_stage_histories": [moved]}

    def _auto_order(self, code: str, word: str, at: int) -> dict[str, Any]:
        return {
            "merchant_id": "DEMO",
            "auto_order_oid": self._oid,
            "auto_order_code": code,
            "original_order_id": f"{code}-1",
            "status": "canceled" if word == "cancelled" else "active",
            "enabled": word != "cancelled",
            "canceled_dts": stamp(at) if word == "cancelled" else None,
            "failure_reason": "Do not honor" if word == "card declined" else None,
            "logs": [{"log_dts": stamp(at), "log_message": word}],
            "items": [{"original_item_id": "BONE"}],
            "original_order": {"order_id": f"{code}-1", "billing": {"email": self.email}},
        }

    def _sold(self, order: dict[str, Any]) -> Sold:
        cents = round(order["summary"]["total"]["value"] * 100)
        paid = int(datetime.fromisoformat(order["payment"]["payment_dts"]).timestamp())
        return Sold(order["order_id"], self.email, cents, paid)

    def _person(self, street: str) -> dict[str, Any]:
        return {
            "first_name": "Jane",
            "last_name": f"Doe {self.number}",
            "address1": street,
            "city": "Austin",
            "state_region": "TX",
            "postal_code": "78758",
            "country_code": "US",
        }

    def _home(self, order: dict[str, Any]) -> Shown:
        """An order's address counts from when that was made, and is older than all that the profile tells."""
        made = int(datetime.fromisoformat(order["creation_dts"]).timestamp())
        return Shown(self.email, ADDRESS, order["billing"]["address1"], made)

    @property
    def _oid(self) -> int:
        return 900_000 + self.number

    def _later(self) -> int:
        self.now += 1
        self.shop.end = max(self.shop.end, self.now)
        return self.now


def line(item: str, index: int, quantity: int, cents: int, total: int, **more: Any) -> dict[str, Any]:
    """A line of an order; `total` is what it cost after its discount."""
    return {
        "merchant_item_id": item,
        "item_index": index,
        "description": f"{item} for the dog",
        "quantity": float(quantity),
        "cost": money(cents),
        "total_cost_with_discount": money(total),
        "kit": False,
        "kit_component": False,
        **more,
    }


def money(cents: int) -> dict[str, Any]:
    """An amount as UltraCart renders it."""
    return {"value": cents / 100, "currency_code": "USD"}


def stamp(second: int) -> str:
    """A time stamp of the shop."""
    return datetime.fromtimestamp(second, UTC).isoformat()

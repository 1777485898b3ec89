"""The scripted life of one customer: what the shop tells of it, in the order in which it happened.

Sign-up by an affiliate's link, first order with an upsell, two rebills, a decline, a cancelled upgrade,
a partial refund, the rest refunded; and an address change in between. Orders go on showing the old address.
"""

import copy
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.integration.orders import money
from tests.integration.snapshots import Told

BEGIN = datetime.fromisoformat("2026-01-05T09:00:00-05:00")
AFFILIATE_OID = 12
AFFILIATE_EMAIL = "partner@affiliates.example.com"
AFFILIATE: Told = (
    "affiliate_update",
    {
        "merchant_id": "DEMO",
        "affiliate_oid": AFFILIATE_OID,
        "email": AFFILIATE_EMAIL,
        "first_name": "Ann",
        "status": "Active",
    },
)
BASIC, UPSELL = 29.0, 20.0
OLD_HOME = {"address1": "1 Main St", "city": "Austin", "state_region": "TX", "postal_code": "78758"}
NEW_HOME = {"address1": "9 Elm Street", "city": "Reno", "state_region": "NV", "postal_code": "89501"}


# What a buyer's contact shows of the affiliate: known before the sales, known after them.
CREDITED = {"lreferrer": "partner"}
NOTED = {"lreferrer": "nobody", "Referring AffiliateId": str(AFFILIATE_OID)}


def at(day: int, minute: int = 0) -> str:
    """A time stamp of the shop, so many days after the sign-up."""
    return (BEGIN + timedelta(days=day, minutes=minute)).isoformat()


@dataclass(frozen=True)
class Life:
    """One customer; `name` is part of every id, so that many live side by side."""

    name: str
    number: int

    @property
    def email(self) -> str:
        """The customer's address."""
        return f"jane.{self.name}@example.com"

    @property
    def first(self) -> str:
        """The id of the first order."""
        return f"DEMO-{self.name}-1"

    @property
    def rebills(self) -> tuple[str, str]:
        """The ids of the two orders that the subscription made."""
        return f"DEMO-{self.name}-2", f"DEMO-{self.name}-3"

    @property
    def moved(self) -> int:
        """The day of the address change: last of all, or before a parcel, a rebill, a refund."""
        return (120, 1, 20, 45, 93, 105)[self.number % 6]

    def story(self) -> Iterator[Told]:
        """Every event; the address change may have happened at any time."""
        yield "customer_create", self._customer(at(0), OLD_HOME)
        yield "customer_update", self._customer(at(self.moved), NEW_HOME)
        yield from self._first_order()
        for order_id, day in zip(self.rebills, (30, 60), strict=True):
            yield from self._rebill(order_id, day)
        yield from self._decline()
        yield "auto_order_cancel", self._auto_order(95)
        yield "order_update", self._order(self.first, 0, day=95)
        for day, refunded in ((100, UPSELL), (110, BASIC + UPSELL)):
            yield "order_refund", self._order(self.first, 0, day=day, refunded=refunded)
            yield "order_update", self._order(self.first, 0, day=day, refunded=refunded)

    def expected(self, **of_affiliate: str) -> dict[str, Any]:
        """The one right state of the CRM at the end, but for what tells of the affiliate."""
        first, second, third = (BEGIN + timedelta(days=day, minutes=75) for day in (0, 30, 60))
        return {
            "contact": {
                "firstname": "Jane", "lastname": "Doe", "email": self.email, "office_phone": "5125550100",
                "address": "9 Elm Street", "city": "Reno", "state": "NV", "zip": "89501", "country": "US",
                "bulk_mail": "1", "Auto Order Status": "cancelled upgrade",
                "Last Refund Amount": "49.00", "Last Refund Date": "2026-04-25",
                "Last Refund Order": self.first,
                **of_affiliate,
            },
            "tags": [],
            "sales": {
                self.first: (Decimal("49.00"), int(first.timestamp()), "refunded"),
                self.rebills[0]: (Decimal("29.00"), int(second.timestamp()), "paid"),
                self.rebills[1]: (Decimal("29.00"), int(third.timestamp()), "paid"),
            },
        }  # fmt: skip

    @property
    def note(self) -> str:
        """The only note there may be: that of the partial refund, if it went out before the rest came."""
        told = "20.00 USD refunded on 2026-04-15, 20.00 of 49.00 so far. Reason: Not needed."
        return f"Order {self.first}: {told}"

    def _first_order(self) -> Iterator[Told]:
        yield "order_create", self._order(self.first, 0, paid=False, upsell=False)
        yield "order_update", self._order(self.first, 0, paid=False)
        for name in ("order_payment_process", "order_stage_change", "order_update"):
            yield name, self._order(self.first, 0)
        yield "auto_order_create", self._auto_order(0)
        yield "order_ship", self._order(self.first, 0, day=2)

    def _rebill(self, order_id: str, day: int) -> Iterator[Told]:
        for name in ("order_create", "order_payment_process", "order_stage_change"):
            yield name, self._order(order_id, day)
        yield "auto_order_rebill", self._auto_order(day)
        yield "order_ship", self._order(order_id, day, day=day + 2)

    def _decline(self) -> Iterator[Told]:
        order = self._order(f"DEMO-{self.name}-4", 90, paid=False)
        order["payment"]["payment_status"] = "Declined"
        yield "order_payment_failed", order
        yield "auto_order_decline", self._auto_order(90)
        gone = {"current_stage": "Rejected", "reject_dts": at(91)}
        yield "order_reject", copy.deepcopy(order) | gone

    def _customer(self, changed: str, home: Mapping[str, str]) -> dict[str, Any]:
        return {
            "merchant_id": "DEMO",
            "customer_profile_oid": 900_000 + self.number,
            "email": self.email,
            "signup_dts": at(0),
            "last_modified_dts": changed,
            "affiliate_oid": AFFILIATE_OID,
            "billing": [self._address(home) | {"default_billing": True}],
            "privacy": {"marketing": True, "last_update_dts": at(0)},
        }

    def _address(self, home: Mapping[str, str]) -> dict[str, Any]:
        person = {"first_name": "Jane", "last_name": "Doe", "day_phone": "5125550100", "country_code": "US"}
        return {**person, **home}

    def _order(
        self,
        order_id: str,
        bought: int,
        *,
        paid: bool = True,
        upsell: bool = True,
        day: int | None = None,
        refunded: float = 0,
    ) -> dict[str, Any]:
        """A snapshot of an order of day `bought`, as it was on `day`."""
        day = bought if day is None else day
        items = [_line("BASIC", BASIC)]
        if upsell and order_id == self.first:
            items.append(_line("EXTRA", UPSELL) | {"upsell": True})
        total = sum(line["cost"]["value"] for line in items)
        stages = [("Accounts Receivable", "Shipping Department", at(bought, 75))] if paid else []
        if day >= bought + 2:
            stages.append(("Shipping Department", "Completed Order", at(bought + 2)))
        return {
            "merchant_id": "DEMO",
            "order_id": order_id,
            "creation_dts": at(bought, 60),
            "current_stage": stages[-1][1] if stages else "Accounts Receivable",
            "current_stage_histories": [
                {"before_stage": before, "after_stage": after, "transition_dts": when}
                for before, after, when in stages
            ],
            "currency_code": "USD",
            "billing": self._address(OLD_HOME) | {"email": self.email},
            "customer_profile": {"customer_profile_oid": 900_000 + self.number, "email": self.email},
            "items": items,
            "summary": {
                "subtotal": money(total),
                "tax": money(0),
                "shipping_handling_total": money(0),
                "total": money(total),
                "total_refunded": money(refunded),
            },
            "payment": _payment(at(bought, 75) if paid else None, whole=0 < total == refunded),
            "affiliates": [{"affiliate_oid": AFFILIATE_OID, "sub_id": "mail"}],
            "auto_order": self._inside(day) if paid else None,
            **({"refund_dts": at(day), "refund_reason": "Not needed"} if refunded else {}),
        }

    def _inside(self, day: int) -> dict[str, Any]:
        """The auto order as an order shows it."""
        whole = self._auto_order(day)
        return {name: value for name, value in whole.items() if name not in ("original_order", "merchant_id")}

    def _auto_order(self, day: int) -> dict[str, Any]:
        """The auto order as it was on a day: billed on days 0, 30 and 60, declined on 90, upgraded on 95."""
        rebilled = [done for done in (0, 30, 60) if done <= day]
        declined, cancelled = day >= 90, day >= 95
        log = [(done, "Processed") for done in rebilled]
        log += [(90, "Declined")] * declined + [(95, "Cancelled by an upgrade")] * cancelled
        return {
            "merchant_id": "DEMO",
            "auto_order_oid": 800_000 + self.number,
            "auto_order_code": f"AO-{self.name}",
            "original_order_id": self.first,
            "status": "canceled" if cancelled else "active",
            "enabled": not cancelled,
            "canceled_dts": at(95, 80) if cancelled else None,
            "cancel_upgrade": cancelled,
            "cancel_downgrade": False,
            "failure_reason": "Do not honor" if declined else None,
            "credit_card_attempt": int(declined),
            "logs": [{"log_dts": at(when, 80), "log_message": message} for when, message in log],
            "items": [
                {
                    "original_item_id": "BASIC",
                    "first_order_dts": at(0, 60),
                    "last_order_dts": at(rebilled[-1], 80),
                }
            ],
            "original_order": {"order_id": self.first, "billing": {"email": self.email}},
        }


def _line(item_id: str, price: float) -> dict[str, Any]:
    return {
        "merchant_item_id": item_id,
        "description": f"{item_id} for the dog",
        "quantity": 1.0,
        "cost": money(price),
        "total_cost_with_discount": money(price),
    }


def _payment(paid_at: str | None, whole: bool) -> dict[str, Any]:
    status = "Refunded" if whole else "Processed" if paid_at else "Unprocessed"
    return {
        "payment_method": "Credit Card",
        "payment_status": status,
        "payment_dts": paid_at,
        "test_order": False,
    }


def deliveries(told: list[Told], chance: random.Random) -> list[bytes]:
    """The events shuffled, some of them twice or thrice, in batches of one to six, in either envelope."""
    events = list(told)
    for event in told:
        events += [event if chance.random() < 0.5 else rendered_anew(event)] * chance.choice((0, 0, 1, 1, 2))
    chance.shuffle(events)
    found = []
    while events:
        size = chance.randint(1, 6)
        batch = [{name: payload} for name, payload in events[:size]]
        found.append(json.dumps(batch if chance.random() < 0.3 else {"events": batch}).encode())
        events = events[size:]
    return found


def rendered_anew(told: Told) -> Told:
    """The same object with what UltraCart changes by itself: exchange rates, and words that nobody reads."""
    name, payload = copy.deepcopy(told)
    for amount in payload.get("summary", {}).values():
        amount["exchange_rate"] = 1.02
    return name, payload | {"language_iso_code": "ENG"}

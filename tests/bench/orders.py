"""Paid UltraCart orders for the bench, each one different: 2.7 kB of compact JSON; for tests.bench only."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

ENVELOPE_OPEN, ENVELOPE_CLOSE = b'{"events":[', b"]}"

FIRST_NAMES = (
    "Ada Bruno Carla Dmitri Elena Farid Greta Hiro Ines Jonas Kavya Liam Mona Nils Olga Pedro".split()
)
LAST_NAMES = "Abbott Brandt Castillo Dubois Eriksen Fischer Gupta Hughes Ito Jensen Kowalski Lopez".split()
STREETS = "Maple Oak Cedar Lake Hill Sunset Washington Mill River Church Franklin Spring".split()
CITIES = "Duluth GA 30097|Austin TX 78701|Boise ID 83702|Albany NY 12207|Tampa FL 33602|Reno NV 89501".split(
    "|"
)
ITEMS = (
    ("BONE", "Rawhide bone, large, pack of three"),
    ("TOY-ROPE-2", "Two-knot cotton rope for medium dogs"),
    ("SHAMPOO-OAT", "Oatmeal shampoo for sensitive skin, 16 oz"),
    ("VIT-SENIOR", "Daily vitamins for senior dogs, 90 chews"),
    ("BED-M", "Orthopaedic dog bed, medium, charcoal"),
    ("LEASH-6FT", "Braided leather leash, six feet"),
)
CARDS = ("Visa", "MasterCard", "AMEX", "Discover")
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
)
SOURCES = ("google", "facebook", "newsletter", "bing", "podcast")


def order_id(number: int) -> str:
    """The order id of the numbered order."""
    return f"DEMO-{number:010d}"


def order(number: int, customer: int | None = None) -> dict[str, Any]:
    """The numbered order, paid just now; everything but its time follows from the number.

    Not a second in the past: for orders older than its ledger the relay looks into the CRM first.

    `customer` says whose it is; without it, every order has a customer of its own.
    """
    rng = Random(number)
    owner = number if customer is None else customer
    person, email = _person(owner)
    paid = datetime.now(UTC) + timedelta(seconds=1)
    lines = [_line(rng, index) for index in (1, 2)]
    return {
        "merchant_id": "DEMO",
        "order_id": order_id(number),
        "current_stage": "Shipping Department",
        "creation_dts": _stamp(paid - timedelta(seconds=20)),
        "language_iso_code": "ENG",
        "currency_code": "USD",
        "billing": {**person, "email": email, "day_phone": f"404-555-{owner % 10_000:04d}"},
        "shipping": {**person, "shipping_method": rng.choice(("UPS Ground", "USPS Priority"))},
        "checkout": {"customer_ip_address": _address(rng), "browser": {"user_agent": rng.choice(AGENTS)}},
        "customer_profile": {"customer_profile_oid": 4_000_000 + owner, "email": email},
        "items": lines,
        "summary": _summary(lines),
        "payment": _payment(rng, paid),
        "marketing": {"advertising_source": rng.choice(SOURCES), "mailing_list": True},
        "utms": [
            {"utm_source": rng.choice(SOURCES), "utm_medium": "cpc", "utm_campaign": f"c{rng.randrange(99)}"}
        ],
    }


def event_json(order: dict[str, Any]) -> bytes:
    """One event that tells of this order, as compact JSON."""
    return json.dumps({"order_create": order}, separators=(",", ":")).encode()


def delivery(events: list[bytes]) -> bytes:
    """The body of one POST that carries these events."""
    return ENVELOPE_OPEN + b",".join(events) + ENVELOPE_CLOSE


class EventPool:
    """Events made in advance, so that each costs a load run a microsecond; all are of new customers."""

    def __init__(self, size: int = 500) -> None:
        self._pieces = [self._around_the_number(number) for number in range(1, size + 1)]

    @staticmethod
    def _around_the_number(number: int) -> list[bytes]:
        hole = order_id(0)
        template = order(number)
        template["order_id"] = hole
        for part in ("billing", "customer_profile"):
            template[part]["email"] = f"{hole}@example.com"
        return event_json(template).split(hole.encode())

    def event(self, number: int) -> bytes:
        """The numbered event: the pool's order under its own id and e-mail address."""
        return order_id(number).encode().join(self._pieces[number % len(self._pieces)])

    def deliveries(self, start: int, events_per_post: int) -> Iterator[bytes]:
        """Bodies without end, from the numbered event on."""
        number = start
        while True:
            yield delivery([self.event(n) for n in range(number, number + events_per_post)])
            number += events_per_post


def _person(number: int) -> tuple[dict[str, str], str]:
    rng = Random(number * 7919 + 1)
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    city, state, postal_code = rng.choice(CITIES).split(" ")
    address = {
        "first_name": first,
        "last_name": last,
        "address1": f"{rng.randrange(1, 9999)} {rng.choice(STREETS)} Street",
        "city": city,
        "state_region": state,
        "postal_code": postal_code,
        "country_code": "US",
    }
    return address, f"{first}.{last}.{number}@example.com".lower()


def _line(rng: Random, index: int) -> dict[str, Any]:
    item_id, description = ITEMS[rng.randrange(3) + 3 * (index - 1)]
    quantity, cents = rng.randrange(1, 4), rng.randrange(500, 9000)
    return {
        "item_index": index,
        "merchant_item_id": item_id,
        "description": description,
        "quantity": float(quantity),
        "cost": _money(cents),
        "unit_cost_with_discount": _money(cents),
        "total_cost_with_discount": _money(cents * quantity),
        "discount": _money(0),
        "kit": False,
        "kit_component": False,
        "upsell": index == 2,
        "item_reference_oid": rng.randrange(10**7, 10**8),
    }


def _summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    subtotal = sum(round(line["total_cost_with_discount"]["value"] * 100) for line in lines)
    tax, shipping = round(subtotal * 0.06), 795
    return {
        "subtotal": _money(subtotal),
        "subtotal_discount": _money(0),
        "tax": _money(tax),
        "shipping_handling_total": _money(shipping),
        "total": _money(subtotal + tax + shipping),
        "total_refunded": _money(0),
    }


def _payment(rng: Random, paid: datetime) -> dict[str, Any]:
    details = [("Authorization Code", 10**6), ("AVS Code", 10), ("Transaction ID", 10**11)]
    return {
        "payment_method": "Credit Card",
        "payment_status": "Processed",
        "payment_dts": _stamp(paid),
        "rotating_transaction_gateway_code": "AUTHNET-1",
        "test_order": False,
        "credit_card": {"card_type": rng.choice(CARDS), "card_expiration_month": rng.randrange(1, 13)},
        "transactions": [
            {
                "transaction_id": rng.randrange(10**9),
                "transaction_timestamp": _stamp(paid),
                "transaction_gateway": "Authorize.net",
                "successful": True,
                "details": [{"name": name, "value": str(rng.randrange(top))} for name, top in details],
            }
        ],
    }


def _address(rng: Random) -> str:
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def _money(cents: int) -> dict[str, Any]:
    return {"value": cents / 100, "currency_code": "USD"}


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")

"""A few items and affiliates for the sandbox's shop, and the round that polls them; for app.cli only."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from app.cli.delivery import local_session
from app.cli.supervisor.claims import LOOPBACK
from app.services import Services
from app.settings import Merchant, Settings
from tasks.affiliate_polling import poll_affiliates
from tasks.item_polling import poll_items
from tasks.poll_runs import PollReport

BUSY_SECONDS = 10.0
POLLS: tuple[Callable[[Services, Merchant], PollReport], ...] = (poll_items, poll_affiliates)


def rows(merchant_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the shop sells and who sells for it. The shop itself stamps when an item was changed."""
    items = [
        _item("BONE", "Chew bone, large", 9.95),
        _item("BED", "Dog bed, medium", 80.0),
        _item("COLLAR", "Leather collar, red", 24.5),
    ]
    affiliates = [
        _affiliate(12, "Ann", "Active", "ann@dogblog.example.com"),
        _affiliate(13, "Ben", "Inactive", "ben@petnews.example.org"),
    ]
    found = {"items": items, "affiliates": affiliates}
    return {name: [{"merchant_id": merchant_id, **row} for row in group] for name, group in found.items()}


def fill_shop(settings: Settings, merchant: Merchant) -> bool:
    """Puts the rows into the sandbox's shop; False while it does not answer."""
    address = f"http://{LOOPBACK}:{settings.sandbox_port}/ultracart/fill"
    try:
        with local_session() as session:
            return session.post(address, json=rows(merchant.id), timeout=10).status_code == 200
    except requests.RequestException:
        return False


def poll_shop(services: Services, merchant: Merchant) -> None:
    """One round of both polls; waits for a round that is under way. Raises StoreUnavailable."""
    for poll in POLLS:
        end = time.monotonic() + BUSY_SECONDS
        while poll(services, merchant).ending == "busy" and time.monotonic() < end:
            time.sleep(0.5)


def _item(item_id: str, description: str, cost: float) -> dict[str, Any]:
    pricing: Mapping[str, Any] = {"cost": cost, "currency_code": "USD"}
    return {"merchant_item_id": item_id, "description": description, "inactive": False, "pricing": pricing}


def _affiliate(oid: int, first_name: str, status: str, email: str) -> dict[str, Any]:
    return {"affiliate_oid": oid, "first_name": first_name, "status": status, "email": email}

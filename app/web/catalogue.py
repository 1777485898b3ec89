"""The rows of `/feeds/items`, read from the store; for app.web only."""

import threading
from collections.abc import Sequence
from typing import Any

from app.services import Services, build_services
from app.settings import Settings
from app.store.catalogue import CatalogueItem
from app.store.records import moment


class StoredItems:
    """Opens the store when the feed is first asked for; raises RelayError while that is not possible."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._services: Services | None = None

    def __call__(
        self, merchant_id: str, since_ms: int, limit: int, offset: int
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """One page of the items that were noted since then, and how many these are altogether."""
        with self._lock:
            self._services = services = self._services or build_services(self._settings)
        found = [item for item in services.catalogue.read(merchant_id) if item.noted_ms >= since_ms]
        return item_rows(services, merchant_id, found[offset : offset + limit]), len(found)


def item_rows(services: Services, merchant_id: str, items: Sequence[CatalogueItem]) -> list[dict[str, Any]]:
    """Items with the product that each is in ONTRAPORT, and where its last transmission stands."""
    account = services.settings.merchants[merchant_id].account
    names, ids = services.rules(account).products, services.product_map.product_ids(account)
    states = services.catalogue.states(account, [item.id for item in items])
    return [
        {
            "id": item.id,
            "description": item.description,
            "price": item.price,
            "currency": item.currency,
            "active": item.active,
            "deleted": item.deleted,
            "last_change": item.changed_at,
            "noted_at": moment(item.noted_ms).isoformat(),
            "product_name": names.get(item.id, item.id),
            "product_id": ids.get(item.id, ""),
            "sync": states[item.id],
        }
        for item in items
    ]

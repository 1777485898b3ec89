"""The sandbox's shop for the tests that poll it: what they put in, and what it has seen."""

from typing import Any

import requests

from tests.servers import Sandbox


class ShopAt:
    """The stand-in shop of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._base = f"{sandbox.base}/ultracart"
        self.rest = f"{self._base}/rest/v2"

    def fill(self, **rows: list[dict[str, Any]]) -> None:
        """Puts rows in, by collection."""
        requests.post(f"{self._base}/fill", json=rows, timeout=10).raise_for_status()

    def rows(self, collection: str) -> list[dict[str, Any]]:
        """All rows of a collection."""
        found: list[dict[str, Any]] = requests.get(f"{self._base}/rows/{collection}", timeout=10).json()
        return found

    def remove(self, collection: str, identifier: object) -> None:
        """One row less."""
        requests.delete(f"{self._base}/rows/{collection}/{identifier}", timeout=10).raise_for_status()

    def limit(self, an_hour: int) -> None:
        """Requests an hour from now on."""
        requests.post(f"{self._base}/limits", json={"an_hour": an_hour}, timeout=10).raise_for_status()

    def requests(self) -> int:
        """How many requests the shop has let in."""
        state = requests.get(f"{self._base}/state", timeout=10).json()
        return int(state["requests"]["admitted"])


def item(number: int, **more: Any) -> dict[str, Any]:
    """An item with a price, changed on 1 March 2026 unless told otherwise."""
    return {
        "merchant_item_id": f"ITEM-{number:04}",
        "merchant_item_oid": 5000 + number,
        "description": f"Item number {number}",
        "inactive": False,
        "pricing": {"cost": 9.99, "currency_code": "USD"},
        "last_modified_dts": "2026-03-01T12:00:00-05:00",
        **more,
    }


def affiliate(number: int, **more: Any) -> dict[str, Any]:
    """An active affiliate."""
    return {
        "affiliate_oid": 700 + number,
        "email": f"affiliate{number}@example.com",
        "first_name": "Ann",
        "status": "Active",
        **more,
    }

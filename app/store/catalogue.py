"""What a shop sells, as it was last heard of: `catalogue:<merchant>`, item id → a few fields as JSON.

Deleted items stay, marked. For app.services and above.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson
import redis

from app.store.connection import store_errors
from app.store.ledger import Ledger
from app.store.records import text


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item. `price` is text with a point, '' when it is not known; `changed_at` is the shop's own stamp.

    `noted_ms` is when this relay last saw it change (ms since 1970 UTC).
    """

    id: str
    oid: str = ""
    description: str = ""
    price: str = ""
    currency: str = ""
    active: bool = True
    deleted: bool = False
    changed_at: str = ""
    noted_ms: int = 0


_FIELDS = frozenset(field.name for field in fields(CatalogueItem))


class Catalogue:
    """The catalogues of all merchants."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def write(self, merchant_id: str, items: Iterable[CatalogueItem]) -> None:
        """Puts these items in, in the place of what is known of them."""
        rows: dict[Any, Any] = {item.id: orjson.dumps(asdict(item)) for item in items}
        if rows:
            with store_errors():
                self._client.hset(f"catalogue:{merchant_id}", mapping=rows)

    def read(self, merchant_id: str) -> list[CatalogueItem]:
        """The whole catalogue, by item id."""
        with store_errors():
            found = self._client.hgetall(f"catalogue:{merchant_id}")
        return sorted((_item(row) for row in found.values()), key=lambda item: item.id)

    def item(self, merchant_id: str, item_id: str) -> CatalogueItem | None:
        """One item; None when it was never heard of."""
        with store_errors():
            found = self._client.hget(f"catalogue:{merchant_id}", item_id)
        return _item(found) if found else None

    def states(self, account: str, item_ids: Iterable[str]) -> dict[str, str]:
        """Where each item's last transmission to the account stands, by item id; '' when there was none.

        A transmission that is no longer kept was delivered, or skipped, long ago.
        """
        names = list(item_ids)
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for item_id in names:
                pipe.hget(Ledger.row(account, f"item:{item_id}"), "f:item")
            last = {item_id: tid for item_id, tid in zip(names, pipe.execute(), strict=True) if tid}
            for tid in last.values():
                pipe.hget(f"t:{text(tid)}", "st")
            found = dict(zip(last, pipe.execute() if last else [], strict=True))
        states = {item_id: text(state) if state else "delivered" for item_id, state in found.items()}
        return {item_id: states.get(item_id, "") for item_id in names}


def _item(row: Any) -> CatalogueItem:
    known: Mapping[str, Any] = orjson.loads(row)
    return CatalogueItem(**{name: value for name, value in known.items() if name in _FIELDS})

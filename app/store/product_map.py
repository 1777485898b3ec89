"""The mapping item id → ONTRAPORT product that people keep at run time; the settings file's stands below it.

`map:<account>` holds names, `p:<account>` the product ids that were found, made or named, and
`map-file:<account>` the settings file's names as they were followed last. An id that a person named is
noted in the product's own row of the ledger.
For app.services and app.cli.
"""

import json
from collections.abc import Mapping

import redis

from app.store.connection import store_errors
from app.store.ledger import Ledger
from app.store.polling import Polling
from app.store.records import row, text

BY_HAND = "x:by_hand"


def product_row(account: str, item_id: str) -> str:
    """The row that whoever finds, makes or forgets an item's product writes alone."""
    return Ledger.row(account, f"product:{item_id}")


class ProductMap:
    """Names and ids of products by item id. Safe to share between threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._read: dict[str, tuple[str, dict[str, str]]] = {}

    def names(self, account: str) -> Mapping[str, str]:
        """The product names that people gave, by item id. Costs one small read while nobody changes them."""
        with store_errors():
            version = text(self._client.get(f"map-version:{account}") or "")
            known = self._read.get(account)
            if known is None or known[0] != version:
                # Read after the version: names that are newer than it are read again, never missed.
                known = self._read[account] = (version, row(self._client.hgetall(f"map:{account}")))
        return known[1]

    def product_ids(self, account: str) -> dict[str, str]:
        """Every ONTRAPORT product id that is known, by item id."""
        with store_errors():
            return row(self._client.hgetall(f"p:{account}"))

    def set(
        self,
        account: str,
        merchant_id: str,
        item_id: str,
        name: str,
        product_id: str = "",
        *,
        by_hand: bool = False,
    ) -> None:
        """Gives the item another product: by id, or by the name under which it is looked for at first use.

        `by_hand`: the id is a person's word; should ONTRAPORT not have it, no other takes its place.
        """
        with store_errors():
            self._client.hset(f"map:{account}", item_id, name)
        self._changed(account, merchant_id, item_id, product_id, by_hand=by_hand)

    def unset(self, account: str, merchant_id: str, item_id: str) -> bool:
        """Forgets what `set` said; False when it said nothing."""
        with store_errors():
            known = bool(self._client.hdel(f"map:{account}", item_id))
        self._changed(account, merchant_id, item_id, "")
        return known

    def follow_file(self, account: str, merchant_id: str, products: Mapping[str, str]) -> int:
        """Lets the items go out anew whose name in the settings file is another one than the last time.

        The first time there is nothing to compare with. What breaks off is done again. Gives their number.
        """
        key = f"map-file:{account}"
        with store_errors():
            found = self._client.get(key)
        before = products if found is None else json.loads(text(found))
        changed = {item for item in {**before, **products} if before.get(item) != products.get(item)}
        if changed:
            # A person's word of run time goes before the file's.
            changed -= self.names(account).keys()
        for item_id in changed:
            self._changed(account, merchant_id, item_id, "")
        if found is None or before != products:
            with store_errors():
                self._client.set(key, json.dumps(dict(products)))
        return len(changed)

    def _changed(
        self, account: str, merchant_id: str, item_id: str, product_id: str, *, by_hand: bool = False
    ) -> None:
        """The product is looked for anew, and the item sent anew though its own content is as it was."""
        with store_errors(), self._client.pipeline() as pipe:
            pipe.incr(f"map-version:{account}")
            if by_hand:
                pipe.hset(product_row(account, item_id), BY_HAND, product_id)
            else:
                pipe.hdel(product_row(account, item_id), BY_HAND)
            if product_id:
                pipe.hset(f"p:{account}", item_id, product_id)
            else:
                pipe.hdel(f"p:{account}", item_id)
            pipe.execute()
        Polling(self._client).send_again(account, merchant_id, item_id)

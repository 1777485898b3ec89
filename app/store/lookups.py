"""Whether an account's look-up of logged sales can be believed: proven by finding a sale that we know."""

from collections.abc import Mapping

import redis

from app.store.connection import store_errors
from app.store.records import row


class Lookups:
    """Keeps, per account, the proof and one known sale to prove with."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def proven(self, account: str) -> bool:
        """True once a sale of ours was read back from the CRM."""
        with store_errors():
            return self._client.get(f"lookup:{account}") == b"proven"

    def prove(self, account: str) -> None:
        """Remembers that a look-up found a sale of ours."""
        with store_errors():
            self._client.set(f"lookup:{account}", "proven")

    def known_sale(self, account: str) -> Mapping[str, str]:
        """The last sale that was logged: contact_id and invoice_id; empty before the first."""
        with store_errors():
            return row(self._client.hgetall(f"known:{account}"))

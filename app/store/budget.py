"""The account's budget of requests: what the CRM's own count adds to the even spacing of announce.lua.

Spacing is GCRA: one theoretical arrival time per account, moved on with each slot that is given.
"""

import redis

from app.store.connection import store_errors
from app.store.ledger import BURST
from app.store.scripting import Scripts

# Below this many remaining requests, somebody else uses the account too: what is left is spread to the reset.
LOW_WATER = 3


class Budget:
    """Slows an account down when its CRM counts more requests than ours."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @staticmethod
    def book(scripts: Scripts, account: str, interval_ms: float) -> float:
        """Books a request for work that is no transmission; the seconds to wait before making it."""
        with store_errors():
            return int(scripts.run("slot", account, interval_ms, BURST)) / 1000

    def observe(
        self, account: str, remaining: int | None, reset_seconds: float | None, *, interval_ms: float
    ) -> None:
        """Takes note of X-Rate-Limit-Remaining and -Reset; writes only when little is left.

        `interval_ms` is the account's own spacing: the burst that announce.lua allows is taken off here.
        """
        if remaining is None or reset_seconds is None or remaining > LOW_WATER:
            return
        with store_errors():
            seconds, microseconds = self._client.time()
            now = int(seconds) * 1000 + int(microseconds) // 1000
            later = now + int(reset_seconds * 1000 / (remaining + 1) + interval_ms * (BURST - 1))
            known = int(self._client.get(f"b:{account}") or 0)
            if later > known:
                self._client.set(f"b:{account}", later, px=int(reset_seconds * 1000) + 60_000)

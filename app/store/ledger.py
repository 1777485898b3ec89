"""What has been done in the CRM per subject, and the permission for each call that adds to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis

from app.errors import LeaseLost
from app.store import records
from app.store.connection import store_errors
from app.store.scripting import Scripts
from app.store.transmissions import pairs

# A call ends 75 s after its announcement at the latest; the lease outlives it.
CALL_SECONDS = 75.0
CALL_LEASE_MS = 80_000
BETWEEN_CALLS_LEASE_MS = 30_000
LONGEST_WAIT_MS = 24_000
BURST = 3


@dataclass(frozen=True, slots=True)
class Go:
    """The call may be made; `announced_ms` is the store's clock (ms since 1970 UTC)."""

    announced_ms: int


@dataclass(frozen=True, slots=True)
class Pause:
    """No slot yet. `reserved`: sleep that long and come again with reserved=True; else come back later."""

    seconds: float
    reserved: bool


@dataclass(frozen=True, slots=True)
class GateClosed:
    """The account's gate is closed: keep the work, make no call."""


Write = tuple[str, str, str | int]


class Ledger:
    """Rows of hashes: `l:<account>:<subject>` for what was done, `c:` for contacts, `p:` for products."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, mark: str) -> None:
        self._client = client
        self._scripts = scripts
        self._mark = mark

    @staticmethod
    def row(account: str, subject: str) -> str:
        """The key of a subject's row."""
        return f"l:{account}:{subject}"

    @staticmethod
    def contact_row(account: str, email_hash: str) -> str:
        """The key of a contact's row; the address itself is not kept."""
        return f"c:{account}:{email_hash}"

    @staticmethod
    def custom_fields(account: str) -> str:
        """The key of an account's custom fields by name."""
        return f"f:{account}"

    def custom_field(self, account: str, name: str) -> str:
        """A custom field as it was recorded; '' when it is not known yet."""
        with store_errors():
            found = self._client.hget(self.custom_fields(account), name)
        return records.text(found) if found else ""

    def announce(
        self, transmission_id: str, token: str, row: str, step: str, *, interval_ms: float, reserved: bool
    ) -> Go | Pause | GateClosed:
        """Asks to make one call: instance, token, gate, budget and lease in one script.

        `step` is '' for calls that may be repeated freely; else it is written into `row` before it is sent.
        Raises LeaseLost.
        """
        with store_errors():
            answer = self._scripts.run(
                "announce", self._mark, transmission_id, token, row, step, CALL_LEASE_MS, LONGEST_WAIT_MS,
                int(reserved), interval_ms, BURST,
            )  # fmt: skip
        word = answer[0].decode()
        if word == "go":
            return Go(int(answer[1]))
        if word == "gate":
            return GateClosed()
        if word == "lost":
            raise LeaseLost(f"{transmission_id} is no longer ours")
        return Pause(int(answer[1]) / 1000, reserved=word == "wait")

    def complete(
        self,
        transmission_id: str,
        token: str,
        *,
        announced_row: str = "",
        writes: Sequence[Write] = (),
        exchanges: Sequence[bytes] = (),
        lease_ms: int = BETWEEN_CALLS_LEASE_MS,
    ) -> None:
        """Records results and exchanges of a call, ends its announcement. Raises LeaseLost."""
        flat = [part for write in writes for part in write]
        with store_errors():
            owned = self._scripts.run(
                "complete", transmission_id, token, announced_row, lease_ms,
                len(writes), *flat, len(exchanges), *exchanges,
            )  # fmt: skip
        if not owned:
            raise LeaseLost(f"{transmission_id} is no longer ours")

    def acquire(self, transmission_id: str, token: str, row: str) -> Mapping[str, str] | None:
        """Becomes the one writer of a shared row until the attempt ends; None when another is at work."""
        with store_errors():
            answer = self._scripts.run("acquire", transmission_id, token, row)
        word = answer[0].decode()
        if word == "lost":
            raise LeaseLost(f"{transmission_id} is no longer ours")
        return pairs(answer[1]) if word == "yours" else None

    def read(self, row: str) -> Mapping[str, str]:
        """A row as it stands; empty when there is none."""
        with store_errors():
            return records.row(self._client.hgetall(row))

    def products(self, account: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The stored mapping item id → ONTRAPORT product id, for those that are known."""
        with store_errors():
            found = self._client.hmget(f"p:{account}", list(item_ids))
        return {item: records.text(value) for item, value in zip(item_ids, found, strict=True) if value}

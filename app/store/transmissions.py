"""The worker's side of the store: claim, settle, and the dispatcher's round."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.errors import FailureClass, LeaseLost
from app.events import Kind, Transmission, Versions
from app.store.connection import store_errors
from app.store.records import Codec, moment
from app.store.scripting import Scripts
from app.store.witness import Witness

CLAIM_LEASE_MS = 30_000
# They tell of the order, not of the way to the CRM.
OF_THE_ORDER = frozenset({FailureClass.MAPPING, FailureClass.CHANGED, FailureClass.DECREASED})


class Ending(StrEnum):
    """How an attempt ends."""

    DELIVERED = "delivered"
    SKIPPED = "skipped"
    RETRYING = "retrying"
    POSTPONED = "postponed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of an attempt: its word, the reason, and when it goes on (seconds from now).

    Of a dead one `sign` tells the failure from others of its class, and `condition` why it was given up.
    `versions` are those that the attempt was made with.
    """

    ending: Ending
    reason: str = ""
    failure: str = ""
    delay_seconds: float = 0.0
    announced_row: str = ""
    sign: str = ""
    condition: str = ""
    versions: Versions = field(default=Versions(), compare=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to claim, and why; `suspect` asks to come again alone in the process."""

    why: str

    @property
    def suspect(self) -> bool:
        """True when the transmission's worker died three times: it must run alone."""
        return self.why == "suspect"


@dataclass(frozen=True, slots=True)
class Round:
    """What one dispatcher round found."""

    lost_wake_ups: int
    ended_leases: int
    poisoned: int
    probes: tuple[str, ...]


class Transmissions:
    """Owns the states of transmissions. Safe to share between threads."""

    def __init__(
        self,
        scripts: Scripts,
        read_payload: Callable[[bytes], dict[str, Any]],
        *,
        mark: str,
        synced: bool = True,
        witness: Witness | None = None,
        payload_seconds: int,
        exchange_seconds: int,
        ledger_seconds: int,
    ) -> None:
        self._scripts = scripts
        self._read_payload = read_payload
        self._mark = mark
        self._synced = int(synced)
        self._witness = witness or Witness()
        self._seconds = (payload_seconds, exchange_seconds)
        self._ledger_seconds = ledger_seconds

    def claim(
        self, transmission_id: str, token: str, process: str, slots: int = 0, *, alone: bool = False
    ) -> Transmission | Nothing:
        """Takes a ready transmission for 30 s under `token`, for one of the `slots` of `process`.

        Raises StoreUnavailable, InstanceMismatch.
        """
        with store_errors():
            answer = self._scripts.run(
                "claim", self._mark, transmission_id, token, CLAIM_LEASE_MS, int(alone), process, slots
            )
        word = answer[0].decode()
        if word == "claimed":
            fields, event, ledger, look_first_ms = answer[1:]
            return transmission_of(
                transmission_id, pairs(fields), event, pairs(ledger), int(look_first_ms), self._read_payload,
                token=token, alone=alone,
            )  # fmt: skip
        return Nothing("suspect" if word == "suspect" else answer[1].decode())

    def settle(
        self, transmission_id: str, token: str, settlement: Settlement, exchanges: Sequence[bytes] = ()
    ) -> None:
        """Ends the attempt. Raises LeaseLost when another worker owns it now; nothing is written then."""
        with store_errors():
            owned = self._scripts.run(
                "settle",
                transmission_id,
                token,
                settlement.ending,
                settlement.reason,
                settlement.failure,
                int(settlement.delay_seconds * 1000),
                *self._seconds,
                settlement.announced_row,
                self._ledger_seconds,
                settlement.sign,
                settlement.condition,
                first_tells(settlement),
                len(exchanges),
                *exchanges,
                *settlement.versions,
            )
        if not owned:
            raise LeaseLost(f"{transmission_id} is no longer ours to settle")

    def tick(self, process: str, slots: int, limit: int = 500) -> Round:
        """One dispatcher round; any number may run at once. Raises StoreUnavailable, InstanceMismatch."""
        with store_errors():
            seen = self._witness
            lost, ended, poisoned, probes, server, now = self._scripts.run(
                "tick", self._mark, process, slots, limit, self._synced, seen.server, seen.seen_ms
            )
        seen.saw(server.decode(), int(now))
        return Round(lost, ended, poisoned, tuple(account.decode() for account in probes))


def transmission_of(
    transmission_id: str,
    fields: Mapping[str, str],
    event: bytes,
    ledger: Mapping[str, str],
    look_first_ms: int,
    read_payload: Callable[[bytes], dict[str, Any]],
    *,
    token: str = "",
    alone: bool = False,
) -> Transmission:
    """A record (`t:`), its event (`e:`) and its row of the ledger as what a worker needs."""
    name, merchant_id, raw = Codec().unpack_event(event)
    return Transmission(
        id=transmission_id,
        kind=Kind(fields["k"]),
        account=fields["a"],
        subject=fields["s"],
        token=token,
        attempt=int(fields["n"]),
        created_at=moment(fields["c"]),
        event_name=name,
        merchant_id=merchant_id,
        payload=read_payload(raw),
        alone=alone,
        replayed_ms=int(fields.get("rp", "0")),
        backfill="o" in fields,
        tied="ti" in fields,
        look_first_ms=look_first_ms,
        ledger=ledger,
    )


def first_tells(settlement: Settlement) -> str:
    """What an attempt tells of the way to the CRM if it was the first: `good`, `bad`, `other` (nothing).

    '' while it has not been made: what waits for a gate, a budget or another writer was not tried.
    """
    ending, failure = settlement.ending, settlement.failure
    if ending is Ending.POSTPONED:
        return "bad" if failure == FailureClass.UNKNOWN else ""
    if ending is Ending.SKIPPED or failure in OF_THE_ORDER:
        return "other"
    return "good" if ending is Ending.DELIVERED else "bad"


def pairs(flat: Sequence[bytes]) -> dict[str, str]:
    """A dict of what HGETALL gives inside a script."""
    return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}

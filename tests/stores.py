"""The store by itself on a real Valkey: short words for what workers, receiver and time do to it; for tests.

Three kinds, so that lines, priorities and blocking can be seen whatever the relay itself delivers today.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

import orjson
import pytest
import redis

from app.events import Arrival, Event, Fact, Rule, Transmission
from app.policies import Policy
from app.queue import envelope
from app.services import DAY, utc_now
from app.store import letters, scripting, transmissions
from app.store.dead_letters import DeadLetters
from app.store.gates import Gates
from app.store.inbox import Inbox
from app.store.ledger import Ledger
from app.store.log import Log
from app.store.records import milliseconds
from app.store.scripting import Scripts
from app.store.transmissions import Ending, Nothing, Round, Settlement, Transmissions
from app.ultracart.parse import read_payload

ACCOUNT = "ontraport:DEMO"
MARK = "the-mark"
PAYLOAD_SECONDS, EXCHANGE_SECONDS, LEDGER_SECONDS = 3 * DAY, 30 * DAY, 800 * DAY

_numbers = itertools.count(1)


class Kinds(StrEnum):
    """A money kind that holds everything back, one that holds itself back, and one that holds nothing."""

    SALE = "sale"
    REFUND = "refund"
    ORDER_STATUS = "order_status"


def _policy(money: bool, *blocks: Kinds) -> Policy:
    return Policy((5.0,), timedelta(hours=72), money=money, blocks=frozenset(blocks), reason="a test")  # type: ignore[arg-type]


POLICIES: Mapping[Kinds, Policy] = {
    Kinds.ORDER_STATUS: _policy(False),
    Kinds.SALE: _policy(True, *Kinds),
    Kinds.REFUND: _policy(True, Kinds.REFUND),
}


def _increasing() -> Callable[[], datetime]:
    """The time of now, but never the same millisecond twice: ids sort as they were made."""
    last = utc_now()

    def clock() -> datetime:
        nonlocal last
        last = max(utc_now(), last + timedelta(milliseconds=1))
        return last

    return clock


@cache
def _envelope(kind: Kinds) -> str:
    return envelope(kind)  # type: ignore[arg-type]


def fact(subject: str = "order:1", kind: str = Kinds.SALE, version: int = 1, **changes: Any) -> Fact:
    """A fact of 10.00 USD that happens once, unless told otherwise."""
    plain = Fact(kind, ACCOUNT, subject, version, Decimal("10.00"), "USD")  # type: ignore[arg-type]
    return plain._replace(**changes)


def arrival(*facts: Fact, digest: bytes | None = None, ignored: bool = False, **payload: Any) -> Arrival:
    """An event that means these facts, with a content of its own unless a digest is given."""
    number = next(_numbers)
    digest = digest or number.to_bytes(16, "big")
    payload = payload or {"order_id": f"DEMO-{number}"}
    event = Event("order_create", "DEMO", str(number), payload, orjson.dumps(payload), digest)
    return Arrival(event, facts, ignored)


@dataclass
class Store:
    """All doors of the store on one Valkey, as receiver, worker, dispatcher and operator have them."""

    client: redis.Redis
    scripts: Scripts
    inbox: Inbox
    transmissions: Transmissions
    ledger: Ledger
    gates: Gates
    letters: DeadLetters
    log: Log

    @classmethod
    def on(cls, client: redis.Redis, clock: Any = utc_now) -> "Store":
        """A store of ours on this server; call it under `three_kinds`."""
        client.set("relay:instance", MARK)
        scripts = Scripts(client, {kind: _envelope(kind) for kind in Kinds})  # type: ignore[misc]
        spans: dict[str, Any] = {"payload_seconds": PAYLOAD_SECONDS, "exchange_seconds": EXCHANGE_SECONDS}
        return cls(
            client=client,
            scripts=scripts,
            inbox=Inbox(client, scripts, mark=MARK, clock=_increasing(), **spans),
            transmissions=Transmissions(
                scripts, read_payload, mark=MARK, ledger_seconds=LEDGER_SECONDS, **spans
            ),
            ledger=Ledger(client, scripts, mark=MARK),
            gates=Gates(client, scripts, 300),
            letters=DeadLetters(client, scripts, ledger_seconds=LEDGER_SECONDS, **spans),
            log=Log(client),
        )

    def admit(self, *facts: Fact, **payload: Any) -> str:
        """Admits one event with these facts; the event's id."""
        (event_id,) = self.inbox.admit([arrival(*facts, **payload)], "DEMO").ids
        return event_id

    def sale(self, subject: str = "order:1", **changes: Any) -> str:
        """Admits one sale; the transmission's id."""
        return self.admit(fact(subject, **changes)) + ".1"

    def claim(self, tid: str, token: str = "", *, alone: bool = False) -> Transmission:
        """Claims what can be claimed."""
        token = token or f"token{next(_numbers)}"
        claimed = self.transmissions.claim(tid, token, "process", alone=alone)
        assert isinstance(claimed, Transmission), claimed
        return claimed

    def refused(self, tid: str) -> str:
        """Why there is nothing to claim."""
        claimed = self.transmissions.claim(tid, "nobody", "process")
        assert isinstance(claimed, Nothing), claimed
        return claimed.why

    def settle(self, claimed: Transmission, ending: Ending, reason: str = "", **more: Any) -> None:
        """Ends an attempt."""
        self.transmissions.settle(claimed.id, claimed.token, Settlement(ending, reason, **more))

    def deliver(self, tid: str) -> None:
        """Claims it and settles it as delivered."""
        self.settle(self.claim(tid), Ending.DELIVERED)

    def bury(self, tid: str, failure: str = "invalid") -> None:
        """Claims it and makes it a dead letter."""
        self.settle(self.claim(tid), Ending.DEAD, "no", failure=failure)

    def announce(self, claimed: Transmission, step: str = "", row: str = "", **budget: Any) -> Any:
        """Asks for a call within no budget, unless told otherwise."""
        row = row or Ledger.row(claimed.account, claimed.subject)
        budget = {"interval_ms": 0, "reserved": False} | budget
        return self.ledger.announce(claimed.id, claimed.token, row, step, **budget)

    def tick(self, slots: int = 0) -> Round:
        """One round of a dispatcher; with slots it also says how many work beside it."""
        return self.transmissions.tick("process", slots)

    def pass_time(self, tid: str) -> Round:
        """The retry's time comes, or the lease ends; and a dispatcher sees it."""
        assert self.client.zadd("due", {tid: 1}, xx=True, ch=True), f"{tid} waits for no time"
        return self.tick()

    def state(self, tid: str) -> str:
        """The state of a transmission; '' when there is none."""
        return self.field(tid, "st")

    def field(self, tid: str, name: str) -> str:
        """A field of a transmission's record; '' when it is absent."""
        return (self.client.hget(f"t:{tid}", name) or b"").decode()  # type: ignore[union-attr]

    def line(self, subject: str = "order:1") -> list[str]:
        """The ids in a subject's line, in order."""
        return self.row(subject).get("q", "").split()

    def row(self, subject: str = "order:1") -> Mapping[str, str]:
        """The subject's row of the ledger."""
        return self.ledger.read(Ledger.row(ACCOUNT, subject))

    def waiting(self, kind: str = Kinds.SALE) -> list[str]:
        """What is ready and not yet handed to Celery, first first."""
        return [tid.decode() for tid in self.client.zrange(f"ready:{ACCOUNT}:{kind}", 0, -1)]  # type: ignore[union-attr]

    def handed(self, kind: str = Kinds.SALE) -> list[str]:
        """What has a wake-up on its way."""
        return [tid.decode() for tid in self.client.zrange(f"handed:{ACCOUNT}:{kind}", 0, -1)]  # type: ignore[union-attr]

    def wake_ups(self, kind: str = Kinds.SALE) -> list[str]:
        """The ids on the Celery queue, in the order in which a worker takes them."""
        messages = [orjson.loads(message) for message in self.client.lrange(kind, 0, -1)]
        return [message["headers"]["id"] for message in reversed(messages)]

    def counts(self, kind: str = Kinds.SALE) -> dict[str, int]:
        """How many transmissions are in each state, by the store's own counters; without zeros."""
        states = self.log.counts(ACCOUNT).states.get(kind, {})
        return {state: number for state, number in states.items() if number}

    def money(self) -> dict[str, int]:
        """The money that waits, in cents."""
        return self.log.counts(ACCOUNT).money

    def dump(self) -> dict[bytes, bytes | None]:
        """Everything in the store, comparable."""
        return {key: self.client.dump(key) for key in self.client.scan_iter(count=1000)}


def three_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the store the kinds and policies of this module."""
    monkeypatch.setattr(scripting, "POLICIES", POLICIES)
    monkeypatch.setattr(letters, "POLICIES", POLICIES)
    monkeypatch.setattr(transmissions, "Kind", Kinds)


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Later by that many seconds."""
        self.now += timedelta(seconds=seconds)

    @property
    def ms(self) -> int:
        """Milliseconds since 1970."""
        return milliseconds(self.now)


GROW, STATE = Rule.GROW, Rule.STATE

"""The words of the domain: Event, Fact, Transmission, Kind, states. Data only; anyone above may import it.

What the receiver makes for every event is a named tuple: it is made in half the time of a frozen dataclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

# More than any shop's money, or its count of anything: such a number is a mistake.
MOST_AMOUNT = 10**12


class Kind(StrEnum):
    """What a transmission is about: one task, one queue, one row of policy each."""

    SALE = "sale"
    REFUND = "refund"
    AUTO_ORDER_STATUS = "auto_order_status"
    AFFILIATE_SIGNUP = "affiliate_signup"
    CUSTOMER = "customer"
    ORDER_STATUS = "order_status"
    ITEM = "item"


class State(StrEnum):
    """Where a transmission stands."""

    READY = "ready"
    HELD = "held"
    RUNNING = "running"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    DEAD = "dead"
    DISCARDED = "discarded"
    DONE_BY_HAND = "done by hand"


ON_ITS_WAY = frozenset({State.READY, State.HELD, State.RUNNING, State.RETRYING})
OPEN_STATES = ON_ITS_WAY | {State.DEAD}


class Event(NamedTuple):
    """One thing that UltraCart said.

    `payload` is the REST object without cards and bank accounts, its numbers int or float; `raw` is its JSON
    as kept: compact UTF-8, keys in order, every number of up to 15 digits as it was printed (a worker reads
    them as Decimal); `digest` identifies its content (merchant, name, object and canonical JSON), 16 bytes.
    """

    name: str
    merchant_id: str
    object_key: str
    payload: Mapping[str, Any]
    raw: bytes
    digest: bytes

    def without_payload(self) -> "Event":
        """The same for whoever reads `raw`: a payload is many objects, and room for those to come."""
        return Event(self.name, self.merchant_id, self.object_key, {}, self.raw, self.digest)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something authenticated that could not be read: kept whole, with the reason in plain words.

    One with a `digest` is kept once, however often it is met; without one each time that it comes.
    """

    reason: str
    body: bytes
    digest: bytes = b""


class Rule(StrEnum):
    """How a fact is told from what is known of its subject.

    ONCE happens once (a sale). GROW has a total in cents that only grows (refunded to X). STATE has a
    content of which only the latest counts (a status): what still waits is superseded.
    """

    ONCE = "once"
    GROW = "grow"
    STATE = "state"


class Fact(NamedTuple):
    """What an event means for one account.

    `subject` is what stays in order (`order:DEMO-1`); `version` is the snapshot's own age stamp in
    milliseconds since 1970 UTC (0: none known); `amount` and `currency` say how much money waits.
    `value` is the total in cents under ONCE (empty: not told) and GROW, a hash of the content under STATE.
    `person` is a hash of whose it is (empty: of no matter), by which snapshots of one version differ.
    """

    kind: Kind
    account: str
    subject: str
    version: int
    amount: Decimal = Decimal(0)
    currency: str = ""
    rule: Rule = Rule.ONCE
    value: str = ""
    person: str = ""


class Arrival(NamedTuple):
    """An event on its way into the store, which reads its `raw`, with what it means.

    `backfill`: it was fetched to make good what was missed; it goes out behind all that is live.
    """

    event: Event
    facts: tuple[Fact, ...]
    ignored: bool = False
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a delivery: counts, and one id per event in the order of the events."""

    accepted: int
    duplicates: int
    ignored: int
    quarantined: int
    ids: tuple[str, ...]


class JobName(StrEnum):
    """The comparisons of a shop's orders with the ledger, by what began them."""

    NIGHTLY = "nightly"
    GAP = "gap"
    BY_HAND = "by-hand"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Transmission:
    """One claimed fact on its way to one account, with all that a worker needs to deliver it.

    `token` is the fencing token of this claim; `attempt` counts from 1; `ledger` is the subject's
    row (names of done steps and their results) at the time of the claim. `replayed_ms` is when a person
    last sent it again (milliseconds since 1970 UTC, 0: never). `backfill`: no webhook told of it. `tied`: it
    says something else than the snapshot before it, and no date tells which of the two is newer.
    `look_first_ms` is when the store last lost writes (0: never): what is older may stand in the CRM though
    the ledger does not know it.
    """

    id: str
    kind: Kind
    account: str
    subject: str
    token: str
    attempt: int
    created_at: datetime
    event_name: str
    merchant_id: str
    payload: Mapping[str, Any]
    alone: bool = False
    replayed_ms: int = 0
    backfill: bool = False
    tied: bool = False
    look_first_ms: int = 0
    ledger: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The effect stands in the CRM. `note` is shown in the log."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing was to be done, and why, in plain words."""

    reason: str


Outcome = Delivered | Skipped


class Versions(NamedTuple):
    """What was in force when an attempt was made: the code, the account's mapping, the policies.

    Mapping and policy are digests: another one is another table. '' where it is not known.
    """

    release: str = ""
    mapping: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its answer. Secrets are redacted, bodies capped; times in UTC and milliseconds.

    `attempt` is that of its transmission (0: not known); `limits` is what a refusal said of the account's
    budget: X-Rate-Limit-* and Retry-After, as they came.
    """

    method: str
    path: str
    request: str
    status: int | None
    answer: str
    started_at: datetime
    milliseconds: int
    error: str = ""
    attempt: int = 0
    limits: Mapping[str, str] = field(default_factory=dict)

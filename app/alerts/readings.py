"""What the rules of alerts look at: the relay's numbers at one moment; read by app.store.survey."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.events import JobName


@dataclass(frozen=True, slots=True)
class ClosedGate:
    """A closed gate: why, since when, and when it is tried again (UTC)."""

    reason: str
    since: datetime
    until: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One transmission that is not delivered: dead, or tried again. `failure` says what of."""

    id: str
    subject: str
    failure: str
    money: bool
    since: datetime
    cents: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Tries:
    """First attempts of a minute: those that the CRM took, those that failed, and what never got there."""

    good: int = 0
    bad: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class AccountReading:
    """One account. `states` counts by kind and state, `waiting` what is open and not dead, `backfill` what of
    it is ready and was backfilled; `held_cents` is the money of all that is open.

    `oldest` is when the oldest that is ready came, `oldest_money` when the oldest sale or refund that could
    go out now did; `retried` are those that failed at least once and are tried again. `dead` are the latest
    of `dead_count`, `tries` the minutes of the last hour, the one that runs now first; `facts` and `requests`
    are totals since the first start.
    """

    account: str
    rate_per_minute: int = 170
    states: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    waiting: int = 0
    backfill: int = 0
    held_cents: Mapping[str, int] = field(default_factory=dict)
    gate: ClosedGate | None = None
    oldest: datetime | None = None
    oldest_money: datetime | None = None
    retried: tuple[Waiting, ...] = ()
    dead: tuple[Waiting, ...] = ()
    dead_count: int = 0
    tries: tuple[Tries, ...] = ()
    facts: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of the shop's orders from `since` to `until` (UTC) with the ledger, as it stood at `at`.

    `progress` is how much is read (0 to 1), `ended` whether all is. `completeness` is how much of the paid
    orders and refunds read is in the ledger with the shop's amount (%), `different` how many are not. Of
    those `admitted` were missed and sent on, and `unrepaired` are left to a person, with what could not be
    read.
    """

    since: datetime
    until: datetime
    at: datetime
    ended: bool = False
    progress: float = 0.0
    completeness: float = 100.0
    different: int = 0
    admitted: int = 0
    unrepaired: int = 0


@dataclass(frozen=True, slots=True)
class ShopReading:
    """One UltraCart shop that is polled: the polls that failed last, with the reasons, how its deliveries to
    us fare, and the last comparison of each name.

    `failed_deliveries` counts those of its log since the first look at it: `failed` ones that were looked at,
    how many of them had `arrived` another way, the events `taken` from the others, what was `quarantined` of
    them, and those of which not all could be fetched (`incomplete`).
    """

    merchant_id: str
    failed_polls: Mapping[str, str] = field(default_factory=dict)
    webhook_failures: int = 0
    webhook_pending: int = 0
    webhook_disabled: bool = False
    comparisons: Mapping[JobName, Comparison] = field(default_factory=dict)
    failed_deliveries: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a shop's deliveries come. `quiet_since` is the last one, or since when a receiver listens again.

    `longest` is the longest silence, of those that ended, that covered each hour (counted since 1970 UTC) of
    the four weeks before that; hours in which no receiver ran are not in it.
    """

    quiet_since: datetime
    heard_at: datetime | None = None
    longest: Mapping[int, timedelta] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """The last end-to-end probe (UTC): when it was tried, when one last succeeded, and what it met."""

    tried_at: datetime
    completed_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers that grow, as they were at `at` (UTC); facts and requests by account."""

    at: datetime
    memory_used: int
    lost_wake_ups: int
    facts: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier samples, each the first that is not older than its name says; None: the relay is younger."""

    hour: Sample | None = None
    day: Sample | None = None
    week: Sample | None = None
    week_and_day: Sample | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The whole relay at `now` (UTC). Memory in bytes, `memory_limit` 0 when Redis has none.

    `rhythms` are those of the merchants' shops, `listened_at` is the last beat of a receiver. `born` is when
    this store was begun, `awake_since` since when alerts have been judged without a gap, `writes_lost_at`
    when Redis last came back without its last writes.
    """

    now: datetime
    accounts: tuple[AccountReading, ...] = ()
    shops: tuple[ShopReading, ...] = ()
    rhythms: Mapping[str, Rhythm] = field(default_factory=dict)
    listened_at: datetime | None = None
    quarantined: int = 0
    quarantined_lately: int = 0
    memory_used: int = 0
    memory_limit: int = 0
    evicted: int = 0
    lost_wake_ups: int = 0
    past: Past = Past()
    born: datetime | None = None
    awake_since: datetime | None = None
    writes_lost_at: datetime | None = None
    probe: Probe | None = None

    def sample(self) -> Sample:
        """What of it is kept for later comparison."""
        return Sample(
            self.now,
            self.memory_used,
            self.lost_wake_ups,
            {one.account: one.facts for one in self.accounts},
            {one.account: one.requests for one in self.accounts},
        )

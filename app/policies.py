"""What becomes of a failure: a table per kind and one pure decision over it. Imports no engine.

The table is the only place that says how long a kind is tried, what its dead letter means and
which followers of the same subject a dead one holds back.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import FailureClass
from app.events import Kind


@dataclass(frozen=True, slots=True)
class Policy:
    """One kind's row. Delays are seconds before the second, third … attempt; the last one repeats.

    It is given up when it is older than `max_age` and every delay was waited for: what was parked for days
    behind a closed gate still has its attempts.
    `blocks` names the kinds of the same subject that a dead one of this kind holds back.
    """

    delays: tuple[float, ...]
    max_age: timedelta
    money: bool
    blocks: frozenset[Kind]
    reason: str


MONEY_DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0)
STATE_DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)
NOTHING: frozenset[Kind] = frozenset()

POLICIES: dict[Kind, Policy] = {
    Kind.SALE: Policy(
        delays=MONEY_DELAYS,
        max_age=timedelta(hours=72),
        money=True,
        blocks=frozenset({Kind.SALE, Kind.REFUND}),
        reason="Money: tried for three days; its refund cannot go out before it, a shipping note can.",
    ),
    Kind.REFUND: Policy(
        delays=MONEY_DELAYS,
        max_age=timedelta(hours=72),
        money=True,
        blocks=frozenset({Kind.REFUND}),
        reason="Money: tried for three days; a later refund of the order is counted from this one.",
    ),
    Kind.AUTO_ORDER_STATUS: Policy(
        delays=MONEY_DELAYS,
        max_age=timedelta(hours=72),
        money=False,
        blocks=NOTHING,
        reason="A declined card costs rebills: tried as long as money; only the newest status is sent.",
    ),
    Kind.AFFILIATE_SIGNUP: Policy(
        delays=STATE_DELAYS,
        max_age=timedelta(hours=24),
        money=False,
        blocks=NOTHING,
        reason="The newest wins: the next change of the affiliate brings everything again.",
    ),
    Kind.CUSTOMER: Policy(
        delays=STATE_DELAYS,
        max_age=timedelta(hours=24),
        money=False,
        blocks=NOTHING,
        reason="The newest wins: the next change of the customer, or an order, brings everything again.",
    ),
    Kind.ORDER_STATUS: Policy(
        delays=STATE_DELAYS,
        max_age=timedelta(hours=24),
        money=False,
        blocks=NOTHING,
        reason="The newest wins, and it is worth little a day later; it holds back no money.",
    ),
    Kind.ITEM: Policy(
        delays=STATE_DELAYS,
        max_age=timedelta(hours=24),
        money=False,
        blocks=NOTHING,
        reason="The newest wins; a dead one goes again after the daily full poll; sales make what they need.",
    ),
}


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at `at`; the attempt counts."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Bury:
    """Make it a dead letter, with the reason in plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not the transmission's fault: it goes back to the line at `at` and no attempt is counted."""

    at: datetime


Decision = Retry | Bury | Wait

NEVER_AGAIN = frozenset(
    {
        FailureClass.PERMISSION,
        FailureClass.INVALID,
        FailureClass.GONE,
        FailureClass.MAPPING,
        FailureClass.POISON,
        FailureClass.CHANGED,
        FailureClass.DECREASED,
    }
)
ACCOUNT_WIDE = frozenset({FailureClass.THROTTLED, FailureClass.AUTH})


def decide(
    kind: Kind,
    failure: FailureClass,
    attempt: int,
    age: timedelta,
    now: datetime,
    *,
    wait_seconds: float | None = None,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """What to do after `attempt` (from 1) of a transmission that is `age` old failed with `failure`.

    `wait_seconds` is a lower bound that somebody else named (the CRM's reset, the next look-up).
    An unknown outcome is looked up at its own times, which count no attempts, until its `age` (since its
    announcement, or since a person sent it again) is max_age.
    """
    policy = POLICIES[kind]
    if failure in ACCOUNT_WIDE:
        return Wait(now + timedelta(seconds=wait_seconds or 1.0))
    if failure in NEVER_AGAIN:
        return Bury(f"{failure}: it would fail again in the same way")
    if age >= policy.max_age and (failure is FailureClass.UNKNOWN or attempt > len(policy.delays)):
        return Bury(f"{failure}: given up after {attempt} attempts in {_hours(age)} h")
    if failure is FailureClass.UNKNOWN and wait_seconds is not None:
        return Wait(now + timedelta(seconds=wait_seconds))
    base = policy.delays[min(attempt, len(policy.delays)) - 1]
    delay = max(base * (0.8 + 0.4 * jitter()), wait_seconds or 0.0)
    return Retry(now + timedelta(seconds=delay))


def _hours(age: timedelta) -> int:
    return int(age.total_seconds() // 3600)

"""A dead letter in the operator's words, which are wanted, and what they have in common. Data only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from app.errors import FailureClass
from app.events import Kind, State, Versions
from app.policies import POLICIES
from app.store.records import moment


@dataclass(frozen=True, slots=True)
class Follower:
    """A transmission of the same subject that waits until the dead one before it is gone."""

    id: str
    kind: str
    cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did to a dead letter, and when (UTC)."""

    at: datetime
    actor: str
    what: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead transmission in the operator's words; `cents` of `currency` wait with it. Times are UTC.

    `sign` tells the failure from others of its class (`422/price`: status or code, and field);
    `condition` is why it was given up: permanent (it would fail again), age, person (one has to decide) or
    poison. `attempts` counts from the last replay on, `replays` how often a person sent it again.
    `versions` are those of the last attempt. `owner` looks after it, `note` is what is known of it.
    """

    id: str
    kind: str
    account: str
    subject: str
    failure: str
    reason: str
    attempts: int
    died_at: datetime
    cents: int
    currency: str
    event_id: str
    sign: str = ""
    condition: str = ""
    created_at: datetime | None = None
    first_attempt_at: datetime | None = None
    replays: int = 0
    replayed_at: datetime | None = None
    followers: tuple[Follower, ...] = ()
    versions: Versions = field(default=Versions())
    owner: str = ""
    note: str = ""
    deeds: tuple[Deed, ...] = ()

    @property
    def effect(self) -> str:
        """What is never done twice, whatever tells of it: `ontraport:DEMO/sale/order:DEMO-1`."""
        return f"{self.account}/{self.kind}/{self.subject}"

    @property
    def deadline(self) -> datetime | None:
        """Until when at least it is tried, unless it fails for good."""
        return self.created_at + POLICIES[Kind(self.kind)].max_age if self.created_at else None

    @property
    def group(self) -> str:
        """The fingerprint: what died of the same cause. `ontraport:DEMO/invalid/422/price`."""
        return "/".join(part for part in (self.account, self.failure, self.sign) if part)


@dataclass(frozen=True, slots=True)
class Closing:
    """A person's last word on a dead letter: discarded or done by hand, by whom, why, when (UTC)."""

    state: str
    actor: str
    reason: str
    record_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What lies behind a dead letter: its event (raw JSON, empty when it has expired) and every exchange."""

    event_name: str
    merchant_id: str
    payload: bytes
    exchanges: tuple[Mapping[str, Any], ...]


def document(letter: DeadLetter, history: History | None = None) -> dict[str, Any]:
    """A letter for `orjson.dumps`, with what lies behind it; the payload as it came."""
    told = {
        **asdict(letter),
        "versions": letter.versions._asdict(),
        "group": letter.group,
        "effect": letter.effect,
        "deadline": letter.deadline,
    }
    if history is None:
        return told
    payload = history.payload
    return {
        **told,
        "event": history.event_name or None,
        "merchant_id": history.merchant_id,
        "payload": orjson.Fragment(payload) if payload else None,
        "payload_sha256": sha256(payload).hexdigest() if payload else None,
        "exchanges": history.exchanges,
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters: those that fit everything that is given. `subject` is a part of it."""

    account: str = ""
    kind: str = ""
    failure: str = ""
    group: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, letter: DeadLetter) -> bool:
        """Whether this one is meant; the times of death are asked of the store."""
        told = ((self.kind, letter.kind), (self.failure, letter.failure), (self.group, letter.group))
        return all(wanted in ("", found) for wanted, found in told) and self.subject in letter.subject


@dataclass(slots=True)
class Group:
    """Dead letters of one fingerprint. `money` is cents by currency; `reason` is that of the latest."""

    key: str
    account: str
    failure: str
    reason: str
    oldest: datetime
    latest: datetime
    count: int = 0
    money: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, letter: DeadLetter) -> None:
        """Counts one more."""
        self.count += 1
        self.oldest = min(self.oldest, letter.died_at)
        if letter.died_at > self.latest:
            self.latest, self.reason = letter.died_at, letter.reason
        if letter.currency:
            self.money[letter.currency] += letter.cents


def grouped(letters: Iterable[DeadLetter]) -> list[Group]:
    """The groups of these letters, the largest first."""
    groups: dict[str, Group] = {}
    for one in letters:
        new = Group(one.group, one.account, one.failure, one.reason, one.died_at, one.died_at)
        groups.setdefault(one.group, new).add(one)
    return sorted(groups.values(), key=lambda group: -group.count)


def holds(head: Mapping[str, str], behind: Mapping[str, str]) -> bool:
    """Whether the dead record `head` holds back the one `behind` it in their subject's line."""
    blocks = () if head.get("f") == FailureClass.CHANGED else POLICIES[Kind(head["k"])].blocks
    return behind.get("st") == State.HELD and behind["k"] in blocks


def follower_of(tid: str, t: Mapping[str, str]) -> Follower:
    """A record as a follower."""
    return Follower(tid, t["k"], int(t.get("m", "0")), t.get("cu", ""))


def letter_of(tid: str, t: Mapping[str, str], followers: tuple[Follower, ...]) -> DeadLetter:
    """A record as a dead letter."""
    return DeadLetter(
        id=tid,
        kind=t["k"],
        account=t["a"],
        subject=t["s"],
        failure=t.get("f", ""),
        reason=t.get("r", ""),
        attempts=int(t.get("n", "0")),
        died_at=moment(t.get("dd", "0")),
        cents=int(t.get("m", "0")),
        currency=t.get("cu", ""),
        event_id=t["e"],
        sign=t.get("sg", ""),
        condition=t.get("xc", ""),
        created_at=_moment(t.get("c")),
        first_attempt_at=_moment(t.get("fi")),
        replays=int(t.get("rn", "0")),
        replayed_at=_moment(t.get("rp")),
        followers=followers,
        versions=Versions(t.get("vr", ""), t.get("vm", ""), t.get("vp", "")),
        owner=t.get("ow", ""),
        note=t.get("no", ""),
        deeds=tuple(_deed(line) for line in t.get("tr", "").splitlines()),
    )


def _deed(line: str) -> Deed:
    at, actor, what = orjson.loads(line)
    return Deed(moment(at), actor, what)


def _moment(value: str | None) -> datetime | None:
    return moment(value) if value else None

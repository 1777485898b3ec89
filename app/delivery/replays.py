"""Sending many dead letters again: counted first, a few as a canary, at a rate; for commands and above.

Nothing here sleeps or asks anybody. A run is an iterator: each step does what is due and says how far it is
and how long nothing will be. Who does not take the next step has paused it, or cancelled it: every letter
is replayed in one script, so nothing is ever half done.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from app.errors import FailureClass
from app.events import State
from app.services import Services
from app.store.letters import DeadLetter, Wanted

CANARY = 3
PER_MINUTE = 60.0
LOOK = timedelta(seconds=1)
# What has not moved for so long waits for something else: a closed gate, a retry, a dead one before it.
PATIENCE = timedelta(seconds=60)
SENT_AT_ONCE, LOOKED_AT_ONCE = 100, 1000
GOOD = frozenset({State.DELIVERED, State.SKIPPED})
OVER = GOOD | {State.DEAD, State.DISCARDED, State.DONE_BY_HAND}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action on dead letters is about, before it is done. `money` is cents by currency.

    `ids` are in the order of their creation, so a sale goes before its refund. `in_doubt` were left out:
    nobody knows whether their write was taken, so a person names them.
    """

    ids: tuple[str, ...]
    kinds: Mapping[str, int]
    money: Mapping[str, int]
    in_doubt: int
    made_at: datetime


def make_plan(services: Services, wanted: Wanted) -> Plan:
    """All dead letters that fit; those in doubt only if their class or group is named. Changes nothing."""
    made_at = services.clock()
    found = list(services.dead_letters.find(wanted))
    named = wanted.failure == FailureClass.UNKNOWN or bool(wanted.group)
    meant = [one for one in found if named or one.failure != FailureClass.UNKNOWN]
    return _plan(meant, len(found) - len(meant), made_at)


def plan_of(services: Services, ids: Sequence[str]) -> Plan:
    """Those of these ids that are dead letters. Changes nothing."""
    return _plan(services.dead_letters.read(ids), 0, services.clock())


def _plan(letters: Iterable[DeadLetter], in_doubt: int, made_at: datetime) -> Plan:
    letters = sorted(letters, key=lambda one: one.id)
    money: dict[str, int] = defaultdict(int)
    for one in letters:
        if one.currency:
            money[one.currency] += one.cents
    kinds = Counter(one.kind for one in letters)
    return Plan(tuple(one.id for one in letters), kinds, money, in_doubt, made_at)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `stage`: canary or rest; nothing happens before `wait_seconds` are over."""

    stage: str
    total: int
    sent: int
    endings: Mapping[str, int]
    waiting: int
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one letter. `ending` is its state, or `not sent`, or `not dead` when it was replayed."""

    id: str
    ending: str
    failure: str = ""
    reason: str = ""


class ReplayRun:
    """One run over the ids of a plan; used by one thread. `stopped` says why it ended early, if it did."""

    def __init__(
        self,
        services: Services,
        ids: Sequence[str],
        *,
        canary: int = CANARY,
        per_minute: float = PER_MINUTE,
        actor: str = "",
    ) -> None:
        self._letters = services.dead_letters
        self._clock = services.clock
        self._ids = tuple(ids)
        self._actor = actor
        self._canary = canary if canary < len(ids) else 0
        self._interval = timedelta(minutes=1 / per_minute) if per_minute else timedelta(0)
        self._open: dict[str, Result] = {}
        self._ended: dict[str, Result] = {}
        self._next_at = self._looked_at = self._moved_at = self._clock()
        self.stopped = ""

    def steps(self) -> Iterator[Progress]:
        """The run, a step at a time: the canary and its end, then the rest if all of the canary went well."""
        first, rest = self._ids[: self._canary], self._ids[self._canary :]
        if first:
            yield from self._send("canary", first)
            yield from self._await("canary")
            if not self._went_well(first):
                self.stopped = f"the first {len(first)} did not all go well: the others were left alone"
                return
        yield from self._send("rest", rest)
        yield from self._await("rest")

    def results(self) -> list[Result]:
        """What became of each letter of the plan, as known at the last look."""
        unsent = {tid: Result(tid, "not sent") for tid in self._ids}
        return [(self._ended | self._open).get(tid, unsent[tid]) for tid in self._ids]

    def look(self, most: int | None = None) -> None:
        """Reads how those stand that were sent and are not over; `most` of them, each in its turn."""
        self._looked_at = self._clock()
        for tid, (state, failure, reason) in self._letters.states([*islice(self._open, most)]).items():
            told = Result(tid, state or "forgotten", failure, reason)
            del self._open[tid]
            if state in OVER or not state:
                self._ended[tid] = told
                self._moved_at = self._looked_at
            else:
                self._open[tid] = told if state == State.RETRYING else Result(tid, state)

    def _send(self, stage: str, ids: Sequence[str]) -> Iterator[Progress]:
        for number, tid in enumerate(ids, 1):
            while (wait := self._next_at - self._clock()) > timedelta(0):
                yield self._progress(stage, min(wait, LOOK))
            self._next_at = self._clock() + self._interval
            if self._letters.replay(tid, self._actor):
                self._open[tid] = Result(tid, State.READY)
            else:
                self._ended[tid] = Result(tid, "not dead")
            self._moved_at = self._clock()
            if number % SENT_AT_ONCE == 0:
                yield self._progress(stage)

    def _await(self, stage: str) -> Iterator[Progress]:
        self.look()
        while self._open and self._clock() - self._moved_at < PATIENCE:
            yield self._progress(stage, LOOK / 2)
        self.look()
        yield self._progress(stage)

    def _progress(self, stage: str, wait: timedelta = timedelta(0)) -> Progress:
        if self._clock() - self._looked_at >= LOOK:
            self.look(LOOKED_AT_ONCE)
        endings = Counter(result.ending for result in self._ended.values())
        sent = len(self._ended) + len(self._open)
        return Progress(stage, len(self._ids), sent, endings, len(self._open), wait.total_seconds())

    def _went_well(self, ids: Sequence[str]) -> bool:
        return all(tid in self._ended and self._ended[tid].ending in {*GOOD, "not dead"} for tid in ids)

"""Everything that stands in a store, read in one round trip; and what must be true of it at any time."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import redis

from app.store.ledger import Ledger
from tests.stores import ACCOUNT, POLICIES, Kinds

GOING = {"ready", "running", "retrying"}
OPEN = GOING | {"held", "dead"}
NEVER = -1

READ = """
local readers = {hash = {'HGETALL'}, zset = {'ZRANGE', 0, -1}, list = {'LRANGE', 0, -1}, set = {'SMEMBERS'},
  string = {'GET'}}
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local reader = readers[redis.call('TYPE', key).ok]
  local value = redis.call(reader[1], key, unpack(reader, 2))
  found[#found + 1] = {key, redis.call('TTL', key), value}
end
return found
"""


@dataclass(frozen=True)
class Snapshot:
    """Values as redis gives them and seconds until they go, by key."""

    values: dict[str, Any]
    ttls: dict[str, int]

    @classmethod
    def of(cls, client: redis.Redis) -> "Snapshot":
        """The store as it stands now."""
        found: Any = client.eval(READ, 0)
        named = [(key.decode(errors="replace"), ttl, value) for key, ttl, value in found]
        return cls({key: value for key, _, value in named}, {key: ttl for key, ttl, _ in named})

    def names(self, prefix: str) -> list[str]:
        """What follows the prefix in the keys that have it, in order."""
        return sorted(key[len(prefix) :] for key in self.values if key.startswith(prefix))

    def row(self, key: str) -> dict[str, str]:
        """A hash; empty when there is none."""
        flat = [part.decode() for part in self.values.get(key, [])]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def members(self, key: str) -> list[str]:
        """A sorted set, in order; empty when there is none."""
        return [member.decode() for member in self.values.get(key, [])]

    @property
    def transmissions(self) -> dict[str, dict[str, str]]:
        """Every record by its id."""
        return {tid: self.row(f"t:{tid}") for tid in self.names("t:")}

    def check(self) -> None:
        """Raises AssertionError where something is in no place or in two, or does not add up."""
        found = self.transmissions
        self._check_places(found)
        for row in self.names("l:"):
            self._check_line(f"l:{row}", found)
        self._check_sums(found)
        self._check_events(found)

    def _check_places(self, found: dict[str, dict[str, str]]) -> None:
        """Ready is ready or handed, what waits for a time is due, the dead are dead; nothing is twice."""
        lists = [f"{name}:{ACCOUNT}:{kind}" for name in ("ready", "handed") for kind in Kinds]
        listed = Counter(tid for name in lists for tid in self.members(name))
        assert listed == Counter(tid for tid, t in found.items() if t["st"] == "ready")
        waiting = {tid for tid, t in found.items() if t["st"] in ("running", "retrying")}
        assert set(self.members("due")) == waiting
        assert set(self.row("running")) == {tid for tid, t in found.items() if t["st"] == "running"}
        dead = {tid for tid, t in found.items() if t["st"] == "dead"}
        assert set(self.members(f"dead:{ACCOUNT}")) == dead
        for tid, t in found.items():
            assert ("tk" in t) == ("le" in t) == (t["st"] == "running"), (tid, t)
            assert t["st"] == "running" or "ne" not in t, (tid, t)
            if t["st"] in OPEN:
                assert self.ttls[f"t:{tid}"] == NEVER, (tid, t)

    def _check_line(self, row: str, found: dict[str, dict[str, str]]) -> None:
        """What is open stands in its line once; one is on its way, and whoever is held has a reason."""
        line = self.row(row).get("q", "").split()
        subject_open = {
            tid for tid, t in found.items() if t["st"] in OPEN and Ledger.row(t["a"], t["s"]) == row
        }
        assert len(line) == len(set(line))
        assert set(line) == subject_open
        assert (self.ttls[row] == NEVER) == bool(line)
        going = [tid for tid in line if found[tid]["st"] in GOING]
        assert len(going) <= 1
        blocked: set[str] = set()
        for tid in line:
            if found[tid]["st"] == "held" and not going:
                assert found[tid]["k"] in blocked, f"{tid} is held by nobody"
            if found[tid]["st"] in GOING:
                assert found[tid]["k"] not in blocked, f"{tid} went past the dead one that holds it"
            if found[tid]["st"] == "dead":
                blocked |= POLICIES[Kinds(found[tid]["k"])].blocks

    def _check_sums(self, found: dict[str, dict[str, str]]) -> None:
        """Counters are the states, money is what is open."""
        counted = {name: int(number) for name, number in self.row(f"n:{ACCOUNT}").items()}
        states = Counter(f"{t['k']}:{t['st']}" for t in found.values())
        assert {name: number for name, number in counted.items() if number} == dict(states)
        money: dict[str, int] = defaultdict(int)
        for t in found.values():
            if t["st"] in OPEN and t.get("cu"):
                money[t["cu"]] += int(t["m"])
        counted = {name: int(cents) for name, cents in self.row(f"money:{ACCOUNT}").items()}
        nonzero = {currency: cents for currency, cents in money.items() if cents}
        assert {name: cents for name, cents in counted.items() if cents} == nonzero

    def _check_events(self, found: dict[str, dict[str, str]]) -> None:
        """Payloads without an end are those that somebody needs, and each knows by how many."""
        needed = Counter(
            t[name] for t in found.values() if t["st"] in OPEN for name in ("e", "ne") if name in t
        )
        kept = {event for event in self.names("e:") if self.ttls[f"e:{event}"] == NEVER}
        assert kept == set(needed)
        counted = {event: int(self.values[f"er:{event}"]) for event in self.names("er:")}
        assert set(counted) <= set(needed)
        assert {event: counted.get(event, 1) for event in needed} == dict(needed)

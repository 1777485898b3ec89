"""Faults on demand: which requests a rule matches and how often it fires; for app.sandbox only.

A rule is `{"match": {…}, "after": n, "times": n | null, "for_seconds": n | null, "do": {"kind": …, …}}`; only
`do` is needed. It skips the first `after` matches, fires `times` times (null: until it is replaced) and lives
for `for_seconds`. Every part of `match` must hold:

- `method`: `POST`
- `path`: a regular expression that fits the end of the path: `/Contacts`, `/transaction/.*`
- `body_contains`: a piece of the body or of the decoded query
- `object`: the object type: 0 contact, 12 note, 16 product, 46 transaction

Kinds that decide the answer; the first that matches a request wins:

- `answer` (status=200, body="", headers={}, commit=false): this answer instead of the true one; with `commit`
  the work is done first. A body that is not text goes out as JSON.
- `hang` (seconds=60, commit=true): no answer, the connection is closed after that time
- `reset` (commit=false): the connection is reset (RST), before or after the work
- `late_commit` (seconds=5): the connection is closed at once, the work is done that much later
- `drip` (seconds=1): done, and the body goes out a byte at a time
- `no_id` (): done, and answered 200 without any id

Kinds that change how the work is done; all that match apply:

- `latency` (seconds=1): waits before anything else
- `lag` (seconds=5): lists do not show what is younger
- `ignore_filter` (): lists ignore their condition
- `numeric_external_order_id` (stored="0"): what is not a number is stored as that
- `race` (seconds=0.2): saveorupdate waits between its look and its write
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS: dict[str, dict[str, Any]] = {
    "answer": {"status": 200, "body": "", "headers": {}, "commit": False},
    "hang": {"seconds": 60, "commit": True},
    "reset": {"commit": False},
    "late_commit": {"seconds": 5},
    "drip": {"seconds": 1},
    "no_id": {},
    "latency": {"seconds": 1},
    "lag": {"seconds": 5},
    "ignore_filter": {},
    "numeric_external_order_id": {"stored": "0"},
    "race": {"seconds": 0.2},
}
DECIDING = frozenset({"answer", "hang", "reset", "late_commit", "drip", "no_id"})
MATCH_KEYS = frozenset({"method", "path", "body_contains", "object"})
RULE_KEYS = frozenset({"match", "after", "times", "for_seconds", "do"})


class BadRule(ValueError):
    """A rule that cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the rules see it."""

    method: str
    path: str
    text: str
    object_id: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to one request, with every parameter filled in."""

    kind: str
    options: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """How long, for the kinds that have a time."""
        return float(self.options["seconds"])


class Fired(tuple[Fault, ...]):
    """The faults of one request."""

    __slots__ = ()

    def first(self, *kinds: str) -> Fault | None:
        """The first fault of one of these kinds."""
        return next((fault for fault in self if fault.kind in kinds), None)

    def seconds(self, kind: str) -> float:
        """The sum of the times of this kind, 0 without one."""
        return sum(fault.seconds for fault in self if fault.kind == kind)


@dataclass(slots=True)
class Rule:
    """One rule with its counts."""

    source: Mapping[str, Any]
    match: Mapping[str, Any]
    fault: Fault
    after: int
    times: int | None
    ends: float | None
    matched: int = 0
    fired: int = 0

    def fires(self, seen: Seen, now: float) -> bool:
        """Whether the rule applies to this request; counts it."""
        spent = self.times is not None and self.fired >= self.times
        over = self.ends is not None and now >= self.ends
        if spent or over or not _matches(self.match, seen):
            return False
        self.matched += 1
        if self.matched <= self.after:
            return False
        self.fired += 1
        return True


class Faults:
    """The rules in force."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, sources: Sequence[Any]) -> None:
        """Put these rules in the place of all others. Raises BadRule; then nothing changed."""
        if not isinstance(sources, list):
            raise BadRule("the body must be a JSON list of rules")
        rules = [_read_rule(source, self._now()) for source in sources]
        with self._lock:
            self._rules = rules

    def fire(self, seen: Seen) -> Fired:
        """The faults for this request, at most one of them deciding its answer."""
        fired: list[Fault] = []
        with self._lock:
            for rule in self._rules:
                decided = any(fault.kind in DECIDING for fault in fired)
                if not (decided and rule.fault.kind in DECIDING) and rule.fires(seen, self._now()):
                    fired.append(rule.fault)
        return Fired(fired)

    def describe(self) -> list[dict[str, Any]]:
        """The rules as they were given, each with `matched` and `fired`."""
        with self._lock:
            return [{**rule.source, "matched": rule.matched, "fired": rule.fired} for rule in self._rules]


def _read_rule(source: Any, now: float) -> Rule:
    _check_keys(source, RULE_KEYS, "a rule")
    match, lifetime = source.get("match") or {}, source.get("for_seconds")
    _check_keys(match, MATCH_KEYS, "match")
    _check_pattern(match.get("path", ""))
    fault = _read_fault(source.get("do"))
    after, times = source.get("after") or 0, source.get("times")
    _check_numbers(after=after, times=times, for_seconds=lifetime, seconds=fault.options.get("seconds"))
    return Rule(source, match, fault, after, times, None if lifetime is None else now + lifetime)


def _read_fault(do: Any) -> Fault:
    kind = do.get("kind") if isinstance(do, dict) else None
    if kind not in KINDS:
        raise BadRule(f"do.kind must be one of {', '.join(KINDS)}")
    _check_keys(do, {"kind", *KINDS[kind]}, f"do of kind {kind}")
    return Fault(kind, KINDS[kind] | {name: value for name, value in do.items() if name != "kind"})


def _check_keys(value: Any, allowed: frozenset[str] | set[str], what: str) -> None:
    if not isinstance(value, dict):
        raise BadRule(f"{what} must be an object")
    if unknown := set(value) - allowed:
        raise BadRule(f"{what} has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(allowed))}")


def _check_numbers(**values: Any) -> None:
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadRule(f"{name} must be a number")


def _check_pattern(path: Any) -> None:
    try:
        re.compile(path)
    except (re.error, TypeError) as error:
        raise BadRule(f"match.path is no regular expression: {error}") from error


def _matches(match: Mapping[str, Any], seen: Seen) -> bool:
    path = str(match.get("path", ""))
    return (
        str(match.get("method", seen.method)).upper() == seen.method
        and re.search(f"(?:{path})$", seen.path) is not None
        and str(match.get("body_contains", "")) in seen.text
        and match.get("object", seen.object_id) == seen.object_id
    )

"""How fast a delivery is owned: the relay and its peers, in interleaved rounds; for tests.bench only."""

import http.client
import itertools
import json
import statistics
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.load import Round, Target, run_round
from tests.bench.orders import EventPool, delivery
from tests.bench.processes import Children, NotServing, free_port
from tests.bench.report import Figure, Part, Table
from tests.bench.systems import PASSWORD, SYSTEMS, USERNAME, Running, Shape, Unavailable, start_system

PATH = "/webhooks/ultracart"
GOALS = {1: 3.5, 20: 15.0}
EVENTS_APART = 1_000_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard to post."""

    rounds: int = 9
    seconds: float = 2.0
    connections: int = 16


@dataclass(slots=True)
class Result:
    """All rounds of one system, by events a post."""

    running: Running
    rounds: dict[int, list[Round]] = field(default_factory=dict)
    sent: int = 0

    def median(self, events_per_post: int, figure: Callable[[Round], float]) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(figure(r) for r in self.rounds[events_per_post])

    def ratio(self, other: "Result", events_per_post: int) -> float:
        """The median of the round-by-round ratios of events per second."""
        pairs = zip(self.rounds[events_per_post], other.rounds[events_per_post], strict=True)
        return statistics.median(mine.events_per_second / theirs.events_per_second for mine, theirs in pairs)


class Load:
    """Posts rounds of events that were never sent before."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pool = EventPool()
        self._starts = itertools.count(EVENTS_APART, EVENTS_APART)

    def round(self, port: int, events_per_post: int, seconds: float | None = None) -> Round:
        """One round; the plan's length unless told otherwise."""
        bodies = self._pool.deliveries(next(self._starts), events_per_post)
        seconds = self._plan.seconds if seconds is None else seconds
        target = Target(port, PATH, USERNAME, PASSWORD)
        return run_round(target, bodies, events_per_post, self._plan.connections, seconds)

    def probe(self, port: int) -> None:
        """Post three events once and read the answer: a receiver that counts otherwise is not measured."""
        start = next(self._starts)
        body = delivery([self._pool.event(start + n) for n in range(3)])
        token = b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(
            "POST", PATH, body, {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200 or json.loads(text)["accepted"] != 3:
            raise Unavailable(f"answered {answer.status} {text[:200]!r} to three new events")


def measure_intake(work: Path, plan: Plan, shapes: Iterable[Shape], say: Say) -> Part:
    """The ceiling of the load generator, then every shape; the goals count for each."""
    load, part = Load(plan), Part()
    part.tables.append(_ceiling(work, load, part.raw))
    for shape in shapes:
        name = f"{shape.processes} web process{'es' if shape.processes > 1 else ''}"
        say(f"intake with {name}")
        with Children(work) as children:
            directory = work / f"intake-{shape.processes}"
            directory.mkdir()
            results, absent = _start_all(children, shape, directory, load, say)
            _run_rounds(results, plan, load, say)
            _account(part, name, results, absent)
    return part


def _ceiling(work: Path, load: Load, raw: dict[str, Any]) -> Table:
    with Children(work) as children:
        port = free_port()
        children.await_port(
            port, children.start("null", [sys.executable, "-m", "tests.bench.nullserver", str(port)], {})
        )
        rounds = [load.round(port, events, 1.0) for events in GOALS]
    raw["ceiling"] = [
        {"events_per_post": r.events_per_post, "posts_per_second": r.posts_per_second} for r in rounds
    ]
    rows = [[str(r.events_per_post), f"{r.posts_per_second:,.0f}"] for r in rounds]
    note = "Against a server that answers without looking. Far above every system, so not what is measured."
    return Table("Ceiling of the load generator", ("events a post", "posts/s"), rows, note)


def _start_all(
    children: Children, shape: Shape, directory: Path, load: Load, say: Say
) -> tuple[dict[str, Result], dict[str, str]]:
    results: dict[str, Result] = {}
    absent: dict[str, str] = {}
    for system in SYSTEMS:
        try:
            running = start_system(children, system, shape, directory)
            load.probe(running.port)
            results[system.letter] = Result(running, sent=3)
        except (Unavailable, NotServing) as error:
            absent[system.letter] = str(error)
            say(f"({system.letter}) {system.title}: left out, {error}")
    return results, absent


def _run_rounds(results: dict[str, Result], plan: Plan, load: Load, say: Say) -> None:
    for events in GOALS:
        for result in results.values():
            result.rounds[events] = []
            result.sent += load.round(result.running.port, events, plan.seconds / 2).events
        for number in range(plan.rounds):
            for result in _rotated(list(results.values()), number):
                one = load.round(result.running.port, events)
                result.rounds[events].append(one)
                result.sent += one.events
        say(f"  {events} event(s) a post: {plan.rounds} rounds done")


def _rotated(results: list[Result], by: int) -> list[Result]:
    by %= max(1, len(results))
    return results[by:] + results[:by]


def _account(part: Part, name: str, results: dict[str, Result], absent: dict[str, str]) -> None:
    plain, relay = results.get("b"), results.get("a")
    for events, goal in GOALS.items():
        measured = relay is not None and plain is not None
        ratio = relay.ratio(plain, events) if relay and plain else 0.0
        what = f"intake against (b), {events} event(s) a post, {name}"
        value = f"{ratio:.1f}x" if measured else "-"
        part.figures.append(Figure(what, value, f"≥ {goal}x", ratio >= goal if measured else None))
    rows = [_row(result, events, plain) for events in GOALS for result in results.values()]
    header = (
        "events a post",
        "system",
        "posts/s",
        "events/s",
        "to (b)",
        "p50 ms",
        "p99 ms",
        "not 2xx",
        "stored",
    )
    note = "Everything on disk before the answer (`appendfsync always`), a Valkey of its own for each system."
    missing = [f"({letter}) {_title(letter)}: not measured, {why}." for letter, why in absent.items()]
    part.tables.append(Table(f"Intake, {name}", header, rows, " ".join([note, *missing])))
    part.raw[f"intake, {name}"] = [_raw(result) for result in results.values()]


def _row(result: Result, events: int, plain: Result | None) -> list[str]:
    system = result.running.system
    stored = result.running.stored()
    return [
        str(events),
        f"({system.letter}) {system.title}",
        f"{result.median(events, lambda r: r.posts_per_second):,.0f}",
        f"{result.median(events, lambda r: r.events_per_second):,.0f}",
        f"{result.ratio(plain, events):.2f}x" if plain else "-",
        f"{result.median(events, lambda r: r.latency_ms(0.5)):.1f}",
        f"{result.median(events, lambda r: r.latency_ms(0.99)):.1f}",
        str(sum(r.refused for r in result.rounds[events])),
        "all" if stored == result.sent else f"{stored:,} of {result.sent:,}",
    ]


def _raw(result: Result) -> dict[str, Any]:
    rounds = [r for many in result.rounds.values() for r in many]
    return {
        "system": result.running.system.letter,
        "title": result.running.system.title,
        "acknowledged": result.sent,
        "stored": result.running.stored(),
        "rounds": [_raw_round(r) for r in rounds],
    }


def _raw_round(one: Round) -> dict[str, Any]:
    figures = {key: value for key, value in asdict(one).items() if key != "latencies"}
    latencies = {f"p{int(share * 100)}_ms": one.latency_ms(share) for share in (0.5, 0.9, 0.99)}
    return figures | latencies | {"posts": len(one.latencies), "posts_per_second": one.posts_per_second}


def _title(letter: str) -> str:
    return next(system.title for system in SYSTEMS if system.letter == letter)

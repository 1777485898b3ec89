"""Hours of an outage: 100,000 sales wait behind a closed gate, then it opens; for tests.bench only."""

import json
import time
from pathlib import Path
from typing import Any

import redis

from tests.bench.intake import Say
from tests.bench.orders import order_id
from tests.bench.processes import ROOT, Children
from tests.bench.rate import ACCOUNT_RATE, OUR_RATE
from tests.bench.report import Figure, Part, Table
from tests.bench.rig import CONNECTIONS, EVENTS_PER_POST, WORKER_THREADS, Rig

PROFILE = ROOT / "tests" / "payloads" / "ultracart" / "customer_update__profile.json"
ACCOUNT = "ontraport:DEMO"
FIRST_SALES = 20
PROFILES = 1_000
PROBE_SECONDS = 5
DRAIN_MINUTES = 3
GROWTH_GOAL, RATE_GOAL, MONEY_GOAL = 0.10, 0.97, 0.85
# The deliveries of several connections arrive side by side, and several threads work on what is handed out.
NEAR = CONNECTIONS * EVENTS_PER_POST + 4 * WORKER_THREADS
CLOSED = {"do": {"kind": "answer", "status": 401, "body": "Your App ID and API Key do not authenticate."}}


def measure_backlog(work: Path, sales: int, say: Say) -> Part:
    """Memory before and with the backlog, attempts that it cost, order and rate of the drain."""
    environment = {"GATE_PROBE_SECONDS": str(PROBE_SECONDS)}
    with Children(work) as children:
        place = work / "backlog"
        rig = Rig(children, place, account_rate=ACCOUNT_RATE, our_rate=OUR_RATE, environment=environment)
        run = _run(rig, sales, say)
    return Part(_figures(run), [_table(run)], {"backlog": run})


def _figures(run: dict[str, Any]) -> list[Figure]:
    growth, share, money = (
        run["own_kib_waiting"] / run["own_kib_before"] - 1,
        run["share"],
        run["money_share"],
    )
    flat, far = f"± {GROWTH_GOAL:.0%}", run["displaced"]
    return [
        Figure("worker memory with the backlog", f"{growth:+.1%}", flat, abs(growth) <= GROWTH_GOAL),
        Figure("attempts that the outage cost", str(run["attempts"]), "0", run["attempts"] == 0),
        Figure("share of the rate in the drain", f"{share:.1%}", f"≥ {RATE_GOAL:.0%}", share >= RATE_GOAL),
        Figure("sales among the first drained", f"{money:.0%}", f"≥ {MONEY_GOAL:.0%}", money >= MONEY_GOAL),
        Figure("a sale's distance from its place", f"{far}", f"≤ {NEAR}", far <= NEAR),
    ]


def _run(rig: Rig, sales: int, say: Say) -> dict[str, Any]:
    store = redis.Redis.from_url(rig.redis_url)
    rig.admit(range(1, FIRST_SALES + 1))
    rig.start_workers(1)
    rig.await_sales(FIRST_SALES, 90)
    rig.faults(CLOSED)
    rig.post([_profile(0)])
    _await_gate(store, closed=True)
    time.sleep(20)
    before, empty = _own(rig), rig.memory()
    say(f"backlog: {sales:,} sales behind a closed gate")
    rig.post([_profile(number) for number in range(1, PROFILES + 1)])
    rig.admit(range(FIRST_SALES + 1, FIRST_SALES + sales + 1))
    time.sleep(20)
    waiting, full = _own(rig), rig.memory()
    attempts = _attempts(store)
    seen = rig.crm()
    rig.faults()
    _await_gate(store, closed=False)
    opened = time.monotonic()
    say(f"backlog: {DRAIN_MINUTES} minutes of draining")
    time.sleep(DRAIN_MINUTES * 60)
    minutes = (time.monotonic() - opened) / 60
    after = rig.crm()
    drained = [name for name in rig.sales() if name not in {order_id(n) for n in range(1, FIRST_SALES + 1)}]
    wanted = {order_id(FIRST_SALES + 1 + n): n for n in range(len(drained) + 200)}
    profiles = _delivered(store, "customer")
    return {
        "sales": sales,
        "own_kib_before": before,
        "own_kib_waiting": waiting,
        "own_kib_after": _own(rig),
        "redis_bytes_an_event": (full - empty) / (sales + PROFILES),
        "attempts": attempts,
        "requests": after.requests - seen.requests,
        "share": (after.requests - seen.requests) / (minutes * OUR_RATE),
        "throttled": after.throttled,
        "drained": len(drained),
        "profiles_drained": profiles,
        "money_share": len(drained) / max(1, len(drained) + profiles),
        "displaced": max((abs(wanted.get(name, 10**6) - at) for at, name in enumerate(drained)), default=0),
        "twice": after.twice,
    }


def _profile(number: int) -> bytes:
    event: dict[str, Any] = json.loads(PROFILE.read_text())["events"][0]
    profile = event["customer_update"]
    profile |= {"customer_profile_oid": 900_000 + number, "email": f"profile.{number}@example.com"}
    return json.dumps(event).encode()


def _own(rig: Rig) -> float:
    looks = []
    for _ in range(5):
        looks.append(rig.workers_kib())
        time.sleep(1)
    return sorted(looks)[2]


def _await_gate(store: "redis.Redis", *, closed: bool, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (store.hget(f"g:{ACCOUNT}", "state") == b"closed") != closed:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the gate is not {'closed' if closed else 'open'}")
        time.sleep(0.1)


def _attempts(store: "redis.Redis") -> int:
    """What is waiting has cost so many attempts."""
    waiting: Any = store.zrange(f"ready:{ACCOUNT}:sale", 0, -1)
    with store.pipeline(transaction=False) as pipe:
        for tid in waiting:
            pipe.hget(b"t:" + tid, "n")
        return sum(int(count or 0) for count in pipe.execute())


def _delivered(store: "redis.Redis", kind: str) -> int:
    return int(store.hget(f"n:{ACCOUNT}", f"{kind}:delivered") or 0)


def _table(run: dict[str, Any]) -> Table:
    sizes = (run["own_kib_before"], run["own_kib_waiting"], run["own_kib_after"])
    used = f"{run['requests']} ({run['share']:.1%}), {run['throttled']} answered 429"
    drained = f"{run['drained']} sales, {run['profiles_drained']} profiles that had come before them"
    rows = [
        [
            "worker MiB before, with the backlog, in the drain",
            " / ".join(f"{kib / 1024:.1f}" for kib in sizes),
        ],
        ["Redis an event", f"{run['redis_bytes_an_event']:,.0f} B"],
        ["attempts that the outage cost", str(run["attempts"])],
        [f"requests in the first {DRAIN_MINUTES} minutes, of those allowed", used],
        ["drained in them", drained],
        ["furthest that a sale was from its place", str(run["displaced"])],
        ["logged twice", str(run["twice"])],
    ]
    note = (
        f"One worker process; the keys are refused (401) while {PROFILES:,} profiles and then "
        f"{run['sales']:,} sales come in, and are good again afterwards."
    )
    return Table("A backlog after an outage", ("what", "measured"), rows, note)

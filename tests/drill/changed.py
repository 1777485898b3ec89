"""What a drill changes in the relay's processes: the store's clock can be put forward, and all can go faster.

Nobody but root may set a machine's clock, so that scripts and clients read the server's time plus what stands
in a key. With DRILL_PACE=10 every duration of the engine is a tenth: leases, deadlines, quiet times, delays,
the sandbox's rolling minute. With DRILL_HALTS=0.01 one step of a delivery in a hundred halts (see halts.py).
"""

import importlib
import os
from dataclasses import replace
from datetime import timedelta
from functools import partialmethod
from typing import Any

import redis

from app import policies, queue
from app.store import ledger as ledger_module
from app.store.ledger import Ledger
from app.store.scripting import Scripts
from tests.drill import halts

CLOCK = "drill:clock"
PACE, HALTS = "DRILL_PACE", "DRILL_HALTS"

TIME = "return t[1] * 1000 + math.floor(t[2] / 1000)"
SHIFTED = f"{TIME} + tonumber(redis.call('GET', '{CLOCK}') or '0')"

# Dotted names of durations, which get shorter in proportion.
DURATIONS = (
    "app.store.transmissions.CLAIM_LEASE_MS",
    "app.store.ledger.CALL_LEASE_MS",
    "app.store.ledger.BETWEEN_CALLS_LEASE_MS",
    "app.store.ledger.LONGEST_WAIT_MS",
    "app.store.gates.BREAKER_FIRST_SECONDS",
    "app.store.polling.LOCK_SECONDS",
    "app.alerts.book.FIRST_REPEAT",
    "app.alerts.book.LONGEST_REPEAT",
    "app.alerts.deliveries.MINUTE",
    "app.sandbox.ratelimit.WINDOW",
    "workers.watch.LOOK_SECONDS",
    "workers.watch.REST_SECONDS",
    "workers.watch.ROUND_SECONDS",
    "workers.watch.TURN_SECONDS",
    "app.delivery.attempt.CALL_SECONDS",
    "app.delivery.attempt.CALL_LEASE_MS",
    "app.delivery.attempt.FIRST_LOOK_SECONDS",
    "app.delivery.attempt.QUIET_MS",
    "app.delivery.attempt.BETWEEN_LOOKS_MS",
)
# What the scripts say in figures of their own.
IN_SCRIPTS = {"wait + 30000": 30_000, "now - 60000": 60_000, "'PX', 90000": 90_000}


def apply() -> None:
    """Changes this process; before anything of the relay runs in it."""
    pace = float(os.environ.get(PACE) or 1)
    wrap_source(pace)
    wrap_time()
    halts.apply(float(os.environ.get(HALTS) or 0), pace)
    if pace == 1:
        return
    for dotted in DURATIONS:
        module, _, name = dotted.rpartition(".")
        value = getattr(importlib.import_module(module), name)
        shorter = value / pace if isinstance(value, timedelta) else type(value)(value / pace)
        setattr(importlib.import_module(module), name, shorter)
    for kind, policy in policies.POLICIES.items():
        delays = tuple(delay / pace for delay in policy.delays)
        policies.POLICIES[kind] = replace(policy, delays=delays)
    # Celery's own: what a dead worker had taken comes back to the queue, and finds nothing to do.
    queue.TRANSPORT = {**queue.TRANSPORT, "visibility_timeout": round(queue.VISIBILITY_TIMEOUT / pace)}
    lease = ledger_module.BETWEEN_CALLS_LEASE_MS
    Ledger.complete = partialmethod(Ledger.complete, lease_ms=lease)  # type: ignore[method-assign, assignment]


def wrap_time() -> None:
    """The server's clock as a client reads it: the same that the scripts read."""
    original = redis.Redis.time

    def time(self: redis.Redis, **options: Any) -> tuple[int, int]:
        seconds, microseconds = original(self, **options)
        shifted = int(seconds) * 1000 + int(self.get(CLOCK) or 0)
        return shifted // 1000, shifted % 1000 * 1000 + int(microseconds)

    redis.Redis.time = time  # type: ignore[method-assign, assignment]


def wrap_source(pace: float) -> None:
    """The scripts with a clock that can be put forward, and with their own durations shortened."""
    original = Scripts.source

    def source(self: Scripts, name: str) -> str:
        text = original(self, name)
        changes: dict[str, Any] = {TIME: SHIFTED}
        for old, milliseconds in IN_SCRIPTS.items():
            changes[old] = old.replace(str(milliseconds), str(round(milliseconds / pace)))
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    Scripts.source = source  # type: ignore[method-assign]

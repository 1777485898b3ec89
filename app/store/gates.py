"""The gate and the breaker of each account: open or closed, with reason and until when."""

from dataclasses import dataclass
from datetime import datetime

import redis

from app.store.connection import store_errors
from app.store.records import moment, row
from app.store.scripting import Scripts

BREAKER_SUBJECTS = 5
BREAKER_WINDOW_SECONDS = 120
BREAKER_FIRST_SECONDS = 15
BREAKER_LONGEST_SECONDS = 300

# What closes a gate, the lesser first: a lesser one says nothing new of a gate that a greater one closed.
REASONS = ("throttled", "breaker", "auth")


@dataclass(frozen=True, slots=True)
class Gate:
    """A closed gate: why, since when, and when it is tried again (UTC)."""

    reason: str
    text: str
    since: datetime
    until: datetime


class Gates:
    """Shared by all workers through Redis. What is ready behind a closed gate stays ready."""

    def __init__(self, client: redis.Redis, scripts: Scripts, probe_seconds: int) -> None:
        self._client = client
        self._scripts = scripts
        self._probe_seconds = probe_seconds

    def read(self, account: str) -> Gate | None:
        """The closed gate, or None when it is open."""
        with store_errors():
            fields = row(self._client.hgetall(f"g:{account}"))
        if fields.get("state") != "closed":
            return None
        return Gate(fields["reason"], fields["text"], moment(fields["since"]), moment(fields["until"]))

    def close(self, account: str, reason: str, text: str, seconds: float) -> None:
        """Closes the gate for `seconds`; a lesser reason changes nothing, and its first time stays."""
        with store_errors():
            self._scripts.run("gate_close", account, reason, text, round(seconds * 1000), *REASONS)

    def close_for_keys(self, account: str, text: str) -> None:
        """The keys are refused: closed until a probe succeeds."""
        self.close(account, "auth", text, self._probe_seconds)

    def open(self, account: str) -> None:
        """Opens the gate and forgets what the breaker counted; the next round refills the queues."""
        with store_errors():
            self._client.delete(
                f"g:{account}", f"probe:{account}", f"breaker:{account}", f"breaker-times:{account}"
            )

    def probe_failed(self, account: str) -> None:
        """Keeps the gate closed, longer each time for the breaker, and lets the next probe come."""
        with store_errors():
            gate = self.read(account)
            if gate:
                self.close(account, gate.reason, gate.text, self._next_seconds(account, gate.reason))
            self._client.delete(f"probe:{account}")

    def failed(self, account: str, subject: str, text: str) -> None:
        """Counts a subject that failed; the fifth different one without a success between closes the gate."""
        key = f"breaker:{account}"
        with store_errors(), self._client.pipeline() as pipe:
            pipe.sadd(key, subject)
            pipe.scard(key)
            pipe.expire(key, BREAKER_WINDOW_SECONDS)
            _, subjects, _ = pipe.execute()
        # What was in flight when it closed fails too: that is no reason to close it for longer.
        if subjects >= BREAKER_SUBJECTS and self.read(account) is None:
            self.close(account, "breaker", text, self._next_seconds(account, "breaker"))

    def succeeded(self, account: str) -> None:
        """A call was answered well: the breaker starts to count anew."""
        with store_errors():
            self._client.delete(f"breaker:{account}", f"breaker-times:{account}")

    def _next_seconds(self, account: str, reason: str) -> float:
        if reason != "breaker":
            return self._probe_seconds
        times = int(self._client.incr(f"breaker-times:{account}"))
        doubled: int = BREAKER_FIRST_SECONDS << min(times - 1, 5)
        return min(doubled, BREAKER_LONGEST_SECONDS)

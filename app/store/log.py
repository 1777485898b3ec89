"""What happened, for people and monitors: counts, money, exchanges. Reads only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from app.alerts.readings import Tries
from app.events import Kind
from app.store.connection import store_errors
from app.store.records import Codec, text
from app.store.scripting import BEHIND_MS


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """One account at a glance: counts by kind and state, cents by currency that are not delivered, and how
    much of what was backfilled is ready.
    """

    states: dict[str, dict[str, int]]
    money: dict[str, int]
    backfill: int = 0


class Log:
    """The read side of the store."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def accounts(self) -> list[str]:
        """Every account that ever had a transmission."""
        with store_errors():
            return sorted(text(name) for name in self._client.smembers("accounts"))

    def queued(self, queues: Iterable[str]) -> int:
        """How many wake-ups lie on these queues of Celery."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(queue)
            return sum(pipe.execute())

    def counts(self, account: str) -> AccountCounts:
        """Counts per kind and state, money not yet delivered in cents, and what of the backfill is ready."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(f"n:{account}")
            pipe.hgetall(f"money:{account}")
            for key in [f"ready:{account}:{kind}" for kind in Kind]:
                pipe.zcount(key, BEHIND_MS, "+inf")
            raw, money, *behind = pipe.execute()
        states: dict[str, dict[str, int]] = {}
        for name, number in raw.items():
            kind, _, state = text(name).partition(":")
            states.setdefault(kind, {})[state] = int(number)
        waiting = {text(currency): int(cents) for currency, cents in money.items() if int(cents)}
        return AccountCounts(states, waiting, sum(behind))

    def first_tries(self, account: str, now: datetime) -> tuple[Tries, ...]:
        """How first attempts ended in each minute of the last hour, the one that runs now first."""
        counted, minute = self._numbers(f"first:{account}"), int(now.timestamp() // 60)
        return tuple(
            Tries(*(counted.get(f"{minute - ago} {word}", 0) for word in ("good", "bad", "other")))
            for ago in range(60)
        )

    def events(self) -> dict[str, int]:
        """How many events were accepted, duplicates, ignored and quarantined since the first start."""
        return self._numbers("n:events")

    def engine(self) -> dict[str, int]:
        """How many wake-ups were lost and leases ended since the first start."""
        return self._numbers("n:engine")

    def threads(self) -> tuple[dict[str, int], int]:
        """How many threads of the workers are at work for each account, and how many there are in all."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.hvals("running")
            pipe.zrange("relay:processes", 0, -1)
            running, processes = pipe.execute()
        at_work = Counter(text(one).partition(" ")[2] for one in running)
        return dict(at_work), sum(int(text(one).rpartition(" ")[2]) for one in processes)

    def requests(self) -> dict[str, int]:
        """How many requests each account's CRM was sent since the first start."""
        return self._numbers("n:requests")

    def quarantined(self) -> int:
        """How many unreadable bodies are kept."""
        with store_errors():
            return int(self._client.zcard("quarantine"))

    def exchanges(self, transmission_id: str) -> list[dict[str, Any]]:
        """Every request sent for a transmission and its answer, in order."""
        codec = Codec()
        with store_errors():
            records: Any = self._client.lrange(f"x:{transmission_id}", 0, -1)
        return [codec.unpack_exchange(record) for record in records]

    def _numbers(self, key: str) -> dict[str, int]:
        with store_errors():
            return {text(name): int(number) for name, number in self._client.hgetall(key).items()}

"""What the ledger knows of many orders at once, and how far each comparison with a shop has come.

`job:<merchant>:<name>` is the comparison as it was last kept, `job-found:…` its differences, one JSON each.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import redis

from app.alerts.readings import Comparison
from app.events import JobName, Kind
from app.relay.comparison import KnownOrder, Told, percent
from app.store.connection import store_errors
from app.store.ledger import Ledger
from app.store.records import row, text

COMPARED = (Kind.SALE, Kind.REFUND)
# A report lists no more differences than this; all are counted.
MOST_LISTED = 20_000


class Reconciliations:
    """The memory of the comparisons between shops and ledger."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def known(self, account: str, order_ids: Sequence[str]) -> dict[str, KnownOrder]:
        """What the ledger knows of each order, in two round trips."""
        ids = list(dict.fromkeys(order_ids))
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for order_id in ids:
                pipe.hgetall(Ledger.row(account, f"order:{order_id}"))
            rows = [row(found) for found in pipe.execute()]
        names = [(n, kind, f"f:{kind}") for n in range(len(ids)) for kind in COMPARED]
        named = [(n, kind, rows[n][name]) for n, kind, name in names if name in rows[n]]
        told: list[dict[Kind, Told]] = [{} for _ in ids]
        for (n, kind, _), found in zip(named, self._told([tid for *_, tid in named]), strict=True):
            told[n][kind] = found
        return {order_id: KnownOrder(rows[n], told[n]) for n, order_id in enumerate(ids)}

    def job(self, merchant_id: str, name: str) -> dict[str, Any]:
        """A comparison as it was last kept; empty when there is none."""
        with store_errors():
            found = self._client.get(f"job:{merchant_id}:{name}")
        job: dict[str, Any] = json.loads(text(found)) if found else {}
        return job

    def comparisons(self, merchant_id: str) -> dict[JobName, Comparison]:
        """How the last comparison of each name stands, for alerts and `relay status`."""
        with store_errors():
            found: Any = self._client.mget([f"job:{merchant_id}:{name}" for name in JobName])
        kept = {name: json.loads(text(job)) for name, job in zip(JobName, found, strict=True) if job}
        return {name: _comparison(job) for name, job in kept.items()}

    def begin(self, merchant_id: str, name: str, job: Mapping[str, Any]) -> None:
        """A new comparison in the place of the last one of this name."""
        with store_errors(), self._client.pipeline() as pipe:
            pipe.delete(f"job-found:{merchant_id}:{name}")
            pipe.set(f"job:{merchant_id}:{name}", json.dumps(job))
            pipe.execute()

    def keep(
        self, merchant_id: str, name: str, job: Mapping[str, Any], found: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """The comparison's next state with what was found on the way to it, at once."""
        key = f"job-found:{merchant_id}:{name}"
        with store_errors(), self._client.pipeline() as pipe:
            if found:
                pipe.rpush(key, *(json.dumps(one) for one in found))
                pipe.ltrim(key, 0, MOST_LISTED - 1)
            pipe.set(f"job:{merchant_id}:{name}", json.dumps(job))
            pipe.execute()

    def found(self, merchant_id: str, name: str) -> list[dict[str, Any]]:
        """The differences of a comparison so far."""
        with store_errors():
            rows: Any = self._client.lrange(f"job-found:{merchant_id}:{name}", 0, -1)
        return [json.loads(text(one)) for one in rows]

    def _told(self, tids: Sequence[str]) -> list[Told]:
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for tid in tids:
                pipe.hmget(f"t:{tid}", "st", "r", "v")
            answers = pipe.execute()
        return [
            Told(tid, text(state or ""), text(reason or ""), int(version or 0))
            for tid, (state, reason, version) in zip(tids, answers, strict=True)
        ]


def _comparison(job: Mapping[str, Any]) -> Comparison:
    """What a job tells of itself; of one that an older version kept some is not known."""
    shop, same = (sum(day[name] for day in job["days"]) for name in ("shop", "relay"))
    since, until = map(datetime.fromisoformat, job["span"])
    return Comparison(
        since=since,
        until=until,
        at=datetime.fromisoformat(job.get("kept_at") or job["ended_at"] or job["id"]),
        ended=bool(job["ended_at"]),
        progress=job.get("progress", 1.0 if job["ended_at"] else 0.0),
        completeness=percent(same, shop),
        different=shop - same,
        admitted=job["admitted"],
        unrepaired=job.get("unrepaired", 0) + job["unreadable"],
    )

"""Reads what the rules of alerts look at: a few dozen cheap reads, whatever the size of the backlog."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import redis

from app.alerts.readings import AccountReading, ClosedGate, Readings, ShopReading, Waiting
from app.events import ON_ITS_WAY, Kind, State
from app.policies import POLICIES
from app.store import look_first
from app.store.alerts import AlertStore
from app.store.connection import store_errors
from app.store.gates import Gates
from app.store.heartbeat import Heartbeat
from app.store.instance import born, milliseconds_now
from app.store.log import Log
from app.store.polling import Polling
from app.store.reconciliations import Reconciliations
from app.store.records import milliseconds, moment, text

MOST_DEAD = 1000
MOST_RETRIED = 500
LATELY = timedelta(minutes=10)
MONEY = tuple(kind for kind in Kind if POLICIES[kind].money)
FIELDS = ("st", "a", "k", "s", "f", "m", "cu", "c", "dd", "o", "sg")


class Survey:
    """Reads the whole relay at one moment. Raises StoreUnavailable."""

    def __init__(
        self,
        client: redis.Redis,
        log: Log,
        gates: Gates,
        alerts: AlertStore,
        rates: Mapping[str, int],
        polling: Polling,
        reconciliations: Reconciliations,
        heartbeat: Heartbeat,
        shops: Sequence[str],
        merchants: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._log = log
        self._gates = gates
        self._alerts = alerts
        self._rates = rates
        self._polling = polling
        self._reconciliations = reconciliations
        self._heartbeat = heartbeat
        self._shops = shops
        self._merchants = merchants
        self._clock = clock

    def read(self) -> Readings:
        """Every number, read now; `rates` names the accounts of the settings, others may hold old work.

        `merchants` are all of them, `shops` those whose shops are polled.
        """
        now = self._clock()
        rhythms = {merchant: self._heartbeat.rhythm(merchant) for merchant in self._merchants}
        names = sorted({*self._log.accounts(), *self._rates})
        requests = self._log.requests()
        going = self._records(self._range("due", MOST_RETRIED))
        with store_errors():
            info: Mapping[str, Any] = self._client.info()
            lately = int(self._client.zcount("quarantine", milliseconds(now - LATELY), "+inf"))
        return Readings(
            now=now,
            accounts=tuple(self._account(name, now, going, requests.get(name, 0)) for name in names),
            shops=tuple(self._shop(merchant_id) for merchant_id in self._shops),
            rhythms={merchant: rhythm for merchant, rhythm in rhythms.items() if rhythm},
            listened_at=self._heartbeat.last(),
            quarantined=self._log.quarantined(),
            quarantined_lately=lately,
            memory_used=int(info.get("used_memory", 0)),
            memory_limit=int(info.get("maxmemory", 0)),
            evicted=int(info.get("evicted_keys", 0)),
            lost_wake_ups=self._log.engine().get("lost wake-ups", 0),
            past=self._alerts.past(now),
            born=born(self._client),
            awake_since=self._alerts.read().awake_at(now),
            writes_lost_at=look_first.since(self._client),
            probe=self._alerts.probe(),
        )

    def dispatched_ago(self) -> timedelta | None:
        """How long ago a dispatcher last made its round, by the store's clock; None when none does."""
        with store_errors():
            found: Any = self._client.zrange("relay:processes", -1, -1, withscores=True)
            now = milliseconds_now(self._client)
        return timedelta(milliseconds=now - found[0][1]) if found else None

    def _account(
        self, name: str, now: datetime, going: Mapping[str, Mapping[str, str]], requests: int
    ) -> AccountReading:
        counts = self._log.counts(name)
        totals = [(state, number) for states in counts.states.values() for state, number in states.items()]
        gate, oldest = self._gates.read(name), self._oldest(name)
        letters = f"dead:{name}"
        dead = self._records([*self._range(letters, MOST_DEAD, latest=True), *self._range(letters, 1)])
        retried = {tid: one for tid, one in going.items() if one["a"] == name and one["f"]}
        return AccountReading(
            account=name,
            rate_per_minute=self._rates.get(name, 170),
            states=counts.states,
            waiting=sum(n for state, n in totals if state in ON_ITS_WAY),
            backfill=counts.backfill,
            held_cents=counts.money,
            gate=ClosedGate(gate.reason, gate.since, gate.until, gate.text) if gate else None,
            oldest=min(oldest.values(), default=None),
            oldest_money=min((oldest[kind] for kind in MONEY if kind in oldest), default=None),
            retried=tuple(_waiting(tid, one, "c") for tid, one in retried.items()),
            dead=tuple(_waiting(tid, one, "dd") for tid, one in dead.items() if one["st"] == State.DEAD),
            dead_count=self._dead_count(name),
            tries=self._log.first_tries(name, now),
            facts=sum(number for _, number in totals),
            requests=requests,
        )

    def _shop(self, merchant_id: str) -> ShopReading:
        reports = self._polling.reports(merchant_id)
        webhook = self._polling.cursor(merchant_id, "webhook")
        return ShopReading(
            merchant_id,
            {poll: str(one["reason"]) for poll, one in reports.items() if one["ending"] == "failed"},
            webhook_failures=webhook.get("failures", 0),
            webhook_pending=webhook.get("pending", 0),
            webhook_disabled=webhook.get("disabled", False),
            comparisons=self._reconciliations.comparisons(merchant_id),
            failed_deliveries=webhook.get("sums", {}),
        )

    def _dead_count(self, account: str) -> int:
        with store_errors():
            return int(self._client.zcard(f"dead:{account}"))

    def _oldest(self, account: str) -> dict[Kind, datetime]:
        """When the oldest of each kind that waits for a worker came; what was backfilled waits on purpose."""
        ids = [tid for kind in Kind for tid in self._range(f"handed:{account}:{kind}", 0)]
        ids += [tid for kind in Kind for tid in self._range(f"ready:{account}:{kind}", 1)]
        found = self._records(ids).values()
        waiting = [one for one in found if one["st"] == State.READY and not one["o"]]
        return {Kind(one["k"]): moment(one["c"]) for one in sorted(waiting, key=_came, reverse=True)}

    def _range(self, key: str, most: int, *, latest: bool = False) -> list[str]:
        with store_errors():
            found: Any = self._client.zrange(key, 0, most - 1, desc=latest)
        return [text(tid) for tid in found]

    def _records(self, ids: Iterable[str]) -> dict[str, Mapping[str, str]]:
        names = list(ids)
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for tid in names:
                pipe.hmget(f"t:{tid}", FIELDS)
            rows: Sequence[Any] = pipe.execute()
        found = ({name: text(value or b"") for name, value in zip(FIELDS, row, strict=True)} for row in rows)
        return {tid: one for tid, one in zip(names, found, strict=True) if one["st"]}


def _came(one: Mapping[str, str]) -> int:
    return int(one["c"])


def _waiting(tid: str, one: Mapping[str, str], since: str) -> Waiting:
    return Waiting(
        id=tid,
        subject=one["s"],
        failure="/".join(filter(None, (one["f"], one["sg"]))),
        money=one["k"] in MONEY,
        since=moment(one[since] or "0"),
        cents=int(one["m"] or "0"),
        currency=one["cu"],
    )

"""How far each poll of a shop has come, what it has seen, and that only one runs; for app.services and tasks.

Three names: `items`, `affiliates`, `webhook`; a comparison of orders has its turn here too.
`poll:<merchant>:<name>` is the cursor, `polled:…` the mark of every object as it was last admitted (of every
entry of the webhook's log when it was done with), `polled-round:…` what the running full round has listed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from app.errors import LeaseLost
from app.store.connection import store_errors
from app.store.ledger import Ledger
from app.store.records import text

# A request to UltraCart ends after 60 s, and the permission for it is waited for 10 s; renewed at each page.
LOCK_SECONDS = 120.0
ROUND_SECONDS = 3 * 86400


class Turn:
    """The right to run one poll of one merchant."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def renew(self) -> None:
        """Goes on for another LOCK_SECONDS; raises LeaseLost when another one may have begun by now."""
        with store_errors():
            try:
                self._lock.extend(LOCK_SECONDS, replace_ttl=True)
            except LockError as error:
                raise LeaseLost("the poll took so long that another one may run now") from error


class Polling:
    """The polls' memory."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @contextmanager
    def turn(self, merchant_id: str, poll: str) -> Iterator[Turn | None]:
        """The right to run this poll, or None while another process does."""
        lock = self._client.lock(
            f"poll-turn:{merchant_id}:{poll}", timeout=LOCK_SECONDS, blocking=False, thread_local=False
        )
        with store_errors():
            taken = lock.acquire()
        if not taken:
            yield None
            return
        try:
            yield Turn(lock)
        finally:
            # Without the store, or after its time, the turn ends by itself.
            with suppress(LockError, redis.RedisError, OSError):
                lock.release()

    def cursor(self, merchant_id: str, poll: str) -> dict[str, Any]:
        """The cursor as it was last kept; empty before the first page."""
        with store_errors():
            found = self._client.get(f"poll:{merchant_id}:{poll}")
        cursor: dict[str, Any] = json.loads(text(found)) if found else {}
        return cursor

    def marks(self, merchant_id: str, poll: str, keys: Iterable[str]) -> dict[str, str]:
        """The marks of these objects, of those that have one."""
        names = list(keys)
        if not names:
            return {}
        with store_errors():
            found = self._client.hmget(f"polled:{merchant_id}:{poll}", names)
        return {name: text(mark) for name, mark in zip(names, found, strict=True) if mark}

    def keep(self, merchant_id: str, poll: str, cursor: Mapping[str, Any], marks: Mapping[str, str]) -> None:
        """After the objects behind `marks` were admitted: remembers them and moves the cursor, at once."""
        rows: dict[Any, Any] = dict(marks)
        with store_errors(), self._client.pipeline() as pipe:
            if rows:
                pipe.hset(f"polled:{merchant_id}:{poll}", mapping=rows)
            pipe.set(f"poll:{merchant_id}:{poll}", json.dumps(cursor))
            pipe.execute()

    def forget(self, merchant_id: str, poll: str, keys: Iterable[str]) -> None:
        """Takes the marks of these objects away: listed again, they count as new."""
        names = [key for key in keys if key]
        with store_errors():
            self._client.hdel(f"polled:{merchant_id}:{poll}", *names)

    def forget_older(self, merchant_id: str, poll: str, prefix: str, until_ms: int) -> None:
        """Takes away the marks of names that begin so where they are times (milliseconds) before this one."""
        key = f"polled:{merchant_id}:{poll}"
        with store_errors():
            found = self._client.hgetall(key)
            marks = ((text(name), int(mark)) for name, mark in found.items())
            old = [name for name, mark in marks if name.startswith(prefix) and mark < until_ms]
            if old:
                self._client.hdel(key, *old)

    def list_in_round(self, merchant_id: str, poll: str, ids: Iterable[str]) -> None:
        """Notes what the running full round has found."""
        key, names = f"polled-round:{merchant_id}:{poll}", list(ids)
        if not names:
            return
        with store_errors(), self._client.pipeline() as pipe:
            pipe.sadd(key, *names)
            pipe.expire(key, ROUND_SECONDS)
            pipe.execute()

    def listed_in_round(self, merchant_id: str, poll: str) -> set[str]:
        """What the running full round has found so far."""
        with store_errors():
            return {text(name) for name in self._client.smembers(f"polled-round:{merchant_id}:{poll}")}

    def end_round(self, merchant_id: str, poll: str) -> None:
        """Forgets what the full round has found."""
        with store_errors():
            self._client.delete(f"polled-round:{merchant_id}:{poll}")

    def ask_again(self, merchant_id: str, item_id: str) -> None:
        """The next poll fetches this item and admits it, changed or not."""
        with store_errors():
            self._client.sadd(f"poll-again:{merchant_id}", item_id)

    def send_again(self, account: str, merchant_id: str, item_id: str) -> None:
        """The next poll's snapshot of this item is news to the account, though the item is as it was."""
        with store_errors():
            self._client.hdel(Ledger.row(account, f"item:{item_id}"), "w:item", "v:item")
        self.ask_again(merchant_id, item_id)

    def asked_again(self, merchant_id: str) -> list[str]:
        """The items that are to be fetched whether they changed or not."""
        with store_errors():
            return sorted(text(name) for name in self._client.smembers(f"poll-again:{merchant_id}"))

    def done_again(self, merchant_id: str, item_id: str) -> None:
        """The item was fetched."""
        with store_errors():
            self._client.srem(f"poll-again:{merchant_id}", item_id)

    def report(self, merchant_id: str, poll: str, report: Mapping[str, Any]) -> None:
        """Keeps how the last run of a poll ended."""
        with store_errors():
            self._client.hset(f"polls:{merchant_id}", poll, json.dumps(report))

    def reports(self, merchant_id: str) -> dict[str, dict[str, Any]]:
        """How the last run of each poll ended, by its name."""
        with store_errors():
            found = self._client.hgetall(f"polls:{merchant_id}")
        return {text(name): json.loads(text(report)) for name, report in found.items()}

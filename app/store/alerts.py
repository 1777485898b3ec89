"""The book of alerts in Redis, whose turn it is to write it, and the samples of the numbers that grow."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
import redis
import structlog

from app.alerts.alert import Alert, Severity
from app.alerts.book import Book, Unsent
from app.alerts.judge import Group, Told
from app.alerts.readings import Past, Probe, Sample
from app.store.connection import store_errors
from app.store.instance import born
from app.store.records import milliseconds, text
from app.store.scripting import Scripts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = 8 * DAY + HOUR
BETWEEN_SAMPLES = timedelta(minutes=10)

log = structlog.get_logger()


class AlertStore:
    """One process at a time has the turn; only it may write."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, mark: str) -> None:
        self._client = client
        self._scripts = scripts
        self._mark = mark

    def turn(self, token: str, seconds: float) -> Book | None:
        """Takes the turn for `seconds`; None while another has it. Raises StoreUnavailable."""
        with store_errors():
            found = self._scripts.run("alerts_turn", self._mark, token, int(seconds * 1000))
        return None if found is None else read_book(found)

    def keep(
        self, token: str, book: Book, *, rest_seconds: float = 0.0, sample: Sample | None = None
    ) -> bool:
        """Writes the book while the turn is ours, else answers False and writes nothing.

        With `rest_seconds` the turn ends, and nobody has the next one for that long.
        """
        at = milliseconds(sample.at) if sample else 0
        oldest = milliseconds(sample.at - KEPT) if sample else 0
        packed = orjson.dumps(sample) if sample else b""
        with store_errors():
            rest = int(rest_seconds * 1000)
            kept = self._scripts.run("alerts_keep", token, orjson.dumps(book), rest, packed, at, oldest)
        return bool(kept)

    def read(self) -> Book:
        """The book as it was last kept, for people and monitors."""
        with store_errors():
            return read_book(self._client.get("alerts:book") or b"")

    def probed(self, at: datetime, problem: str) -> None:
        """Keeps how a probe ended: '' when it met no problem."""
        before = self.probe()
        earlier = before.completed_at if before else None
        completed = earlier if problem else at
        with store_errors():
            self._client.set("alerts:probe", orjson.dumps(Probe(at, completed, problem)))

    def probe(self) -> Probe | None:
        """The last probe; None before the first."""
        with store_errors():
            found: Any = self._client.get("alerts:probe")
        if not found:
            return None
        raw = orjson.loads(found)
        tried = datetime.fromisoformat(raw["tried_at"])
        return Probe(tried, _moment(raw["completed_at"]), raw["problem"])

    def past(self, now: datetime) -> Past:
        """The samples that the numbers of now are compared with; a store of today began with nothing."""
        with store_errors():
            since = born(self._client)
        return Past(
            hour=self._first(now - HOUR, HOUR),
            day=Sample(since, 0, 0) if since > now - DAY else self._first(now - DAY, DAY),
            week=self._first(now - 7 * DAY, HOUR),
            week_and_day=self._first(now - 8 * DAY, HOUR),
        )

    def sampled_at(self) -> datetime | None:
        """When the last sample was taken."""
        with store_errors():
            found: Any = self._client.zrange("alerts:samples", -1, -1)
        return _sample(found[0]).at if found else None

    def _first(self, at: datetime, within: timedelta) -> Sample | None:
        low, high = milliseconds(at), milliseconds(at + within)
        with store_errors():
            found: Any = self._client.zrangebyscore("alerts:samples", low, high, start=0, num=1)
        return _sample(found[0]) if found else None


def read_book(packed: bytes | str) -> Book:
    """A book as it lies in Redis; an empty one from nothing, or from what another version wrote otherwise."""
    if not packed:
        return Book()
    raw = orjson.loads(packed)
    try:
        return Book(
            groups={name: _group(one) for name, one in raw["groups"].items()},
            unsent=tuple(_unsent(one) for one in raw["unsent"]),
            judged_at=_moment(raw["judged_at"]),
            awake_since=_moment(raw["awake_since"]),
        )
    except (KeyError, TypeError, ValueError):
        log.warning("alerts.book_begun_anew")
        return Book()


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _group(raw: Mapping[str, Any]) -> Group:
    alert, told = raw["alert"], raw["told"]
    return Group(
        alert=Alert(
            **{**alert, "severity": Severity(alert["severity"]), "subjects": tuple(alert["subjects"])}
        ),
        since=datetime.fromisoformat(raw["since"]),
        open=raw["open"],
        news=raw["news"],
        told=told
        and Told(
            datetime.fromisoformat(told["at"]),
            Severity(told["severity"]),
            told["size"],
            tuple(told["subjects"]),
        ),
    )


def _unsent(raw: Mapping[str, Any]) -> Unsent:
    times = {name: datetime.fromisoformat(raw[name]) for name in ("at", "due")}
    return Unsent(**{**raw, **times, "channels": tuple(raw["channels"])})


def _sample(packed: bytes) -> Sample:
    raw = orjson.loads(text(packed))
    return Sample(**{**raw, "at": datetime.fromisoformat(raw["at"])})

"""What UltraCart could not deliver to us, by its webhook's log: each failed delivery is taken, once.

Its body is the best source: exactly what the shop wanted to say. Where the log keeps none, or not all of it,
the orders that it names are fetched and compared with the ledger. For tasks.webhook_polling.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog

from app.delivery.missed import admit_body, admit_orders, untold
from app.errors import DeliveryFailure, FailureClass
from app.store.records import milliseconds
from app.ultracart.catalogue import EVENT_NAMES
from app.ultracart.client import ORDERS_BATCH, Permit, UltracartClient
from app.ultracart.client_answers import Page
from app.ultracart.webhook_log import Entry, body_of, came_later, read_entry
from tasks.poll_runs import PollRun

POLL = "webhook"
PAGE = 100
FIRST_LOOK = timedelta(days=1)
# Entries may come late into the log, and the two clocks differ; what is listed twice is known by its mark.
OVERLAP = timedelta(minutes=30)
# So often an entry may meet a shop that is out of order; then it is done without.
TRIES = 6
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a look at a log is: it began at `began` and lists what came since `since`, from `offset`.

    `again`: it met something new that the next look would not list. A list of several pages may shift while
    it is read, so it is read again from `since` until it has nothing of the kind.
    """

    since: datetime
    began: datetime
    offset: int = 0
    again: bool = False

    def written(self) -> dict[str, Any]:
        """As it is kept."""
        stamps = {"since": self.since.isoformat(), "began": self.began.isoformat()}
        return {**stamps, "offset": self.offset, "again": self.again}

    @classmethod
    def read(cls, kept: Mapping[str, Any] | None, now: datetime) -> "Place":
        """What `written` made; a new look where the last one had ended, or where there was none."""
        if kept is None:
            return cls(now - FIRST_LOOK, now)
        since, began = (datetime.fromisoformat(kept[name]) for name in ("since", "began"))
        return cls(since, began if kept["offset"] else now, kept["offset"], kept["again"])

    def after(self) -> "Place":
        """The next look, once this one has read the last page, which began at `offset`."""
        shifted = self.again and self.offset > 0
        return Place(self.since if shifted else self.began - OVERLAP, self.began)


class FailedDeliveries:
    """One look at the log of one webhook, within a run of the poll; gone on with by the next one.

    The poll's cursor keeps the place of each webhook, the sums since the first look, and how often an entry
    met a shop that was out of order. A place moves only after all that was listed before it is done with.
    """

    def __init__(self, run: PollRun, webhook_oid: str) -> None:
        self._run = run
        self._oid = webhook_oid
        self._kept = run.cursor()
        self._place = Place.read(self._kept.get("logs", {}).get(webhook_oid), run.now())
        self._tries = Counter(self._kept.get("tries", {}))
        self._sums = Counter(self._kept.get("sums", {}))

    def fetch(self) -> None:
        """Takes what failed since the last look. Raises what PollRun.ask raises, and StoreUnavailable."""
        more = True
        while more:
            page = self._page(self._place.offset, self._place.since, success=False)
            self._run.report.skipped += page.skipped
            self._take(page.rows)
            more = page.more
            if more:
                self._place = replace(self._place, offset=page.next_offset)
                self._keep({})
        self._end()

    def _end(self) -> None:
        """All that was listed is done with: what the next look cannot list is forgotten."""
        mine = self._mark("")
        self._place = self._place.after()
        self._tries = Counter({name: n for name, n in self._tries.items() if not name.startswith(mine)})
        self._keep({})
        until = milliseconds(self._place.since - OVERLAP)
        self._run.services.polling.forget_older(self._run.merchant.id, POLL, mine, until)

    def _page(self, offset: int, since: datetime, *, success: bool) -> Page:
        page = self._run.ask(
            lambda shop, permit: shop.webhook_logs_page(
                self._oid, permit, success=success, since=since, offset=offset, limit=PAGE
            )
        )
        self._run.report.pages += 1
        return page

    def _take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        new = self._new(map(read_entry, rows))
        next_since = self._place.began - OVERLAP
        again = any(entry.at is None or entry.at < next_since for entry in new)
        self._place = replace(self._place, again=self._place.again or again)
        later = self._later(new)
        for entry in new:
            self._settle(entry, later)

    def _new(self, entries: Iterable[Entry]) -> list[Entry]:
        """What failed and is not done with, the oldest first; what met a shop out of order comes last."""
        since = self._place.since
        failed = {one.name: one for one in entries if not one.succeeded and (one.at or since) >= since}
        marks = self._run.services.polling.marks(self._run.merchant.id, POLL, map(self._mark, failed))
        new = [one for name, one in failed.items() if self._mark(name) not in marks]
        return sorted(new, key=lambda one: (self._tries[self._mark(one.name)], one.at or LONG_AGO))

    def _later(self, new: Sequence[Entry]) -> list[Entry]:
        """Deliveries that succeeded since the first of these; one page, since it only saves requests."""
        times = [one.at for one in new if one.at and one.tells_of_orders]
        return list(map(read_entry, self._page(0, min(times), success=True).rows)) if times else []

    def _settle(self, entry: Entry, later: Sequence[Entry]) -> None:
        name = self._mark(entry.name)
        try:
            done = Counter(arrived=1) if came_later(entry, later) else self._fetch(entry)
        except DeliveryFailure as failure:
            if failure.failure is FailureClass.RETRYABLE:
                self._tries[name] += 1
                self._keep({})
            raise
        done["failed"] = 1
        del self._tries[name]
        self._sums += done
        for count, number in done.items():
            setattr(self._run.report, count, getattr(self._run.report, count) + number)
        self._keep({name: str(milliseconds(self._run.now()))})

    def _fetch(self, entry: Entry) -> Counter[str]:
        """Takes what one entry holds, and counts it by the names of the report."""
        logged = self._logged(entry)
        if logged.get("success") is True:
            return Counter(arrived=1)
        run, body = self._run, body_of(logged)
        done: Counter[str] = Counter()
        if body and len(body) <= run.services.settings.webhook_max_bytes:
            admission, whole = admit_body(run.services, run.merchant, body)
            done.update(taken=admission.accepted, quarantined=admission.quarantined)
            if whole:
                done["arrived"] = int(bool(admission.duplicates) and not admission.accepted)
                return done
        return done + self._by_orders(entry)

    def _by_orders(self, entry: Entry) -> Counter[str]:
        """The orders that it names, as they are now."""
        run, ids = self._run, entry.order_ids
        starts = range(0, len(ids), ORDERS_BATCH)
        rows = [row for start in starts for row in self._orders(entry, ids[start : start + ORDERS_BATCH])]
        read, taken = admit_orders(run.services, run.merchant, rows, entry.name)
        done = Counter(taken=taken)
        if read < len(ids) or untold(entry.event_names, ids):
            done["incomplete"] = 1
            log.error(
                "failed_delivery.incomplete",
                merchant=run.merchant.id,
                webhook=self._oid,
                request_id=entry.request_id,
                events=sorted(entry.event_names & EVENT_NAMES),
                orders_read=f"{read} of {len(ids)}",
            )
        return done

    def _logged(self, entry: Entry) -> Mapping[str, Any]:
        """The entry with its body; empty where the shop does not give it."""
        name = entry.request_id
        if not name:
            return {}
        found = self._given(entry, lambda shop, permit: shop.webhook_log(self._oid, name, permit))
        return found or {}

    def _orders(self, entry: Entry, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """The orders of these ids that the shop gives."""
        rows = self._given(entry, lambda shop, permit: shop.orders_batch(ids, permit))
        return [row for row in rows or () if row.get("order_id") in ids]

    def _given(self, entry: Entry, call: Callable[[UltracartClient, Permit], T]) -> T | None:
        """What the shop gives of an entry; None where it does not give it, now or later."""
        try:
            return self._run.ask(call)
        except DeliveryFailure as failure:
            passing = failure.failure is FailureClass.RETRYABLE
            last = self._tries[self._mark(entry.name)] >= TRIES - 1
            if failure.failure in (FailureClass.AUTH, FailureClass.THROTTLED) or (passing and not last):
                raise
            return None

    def _mark(self, name: str) -> str:
        return f"{self._oid}/{name}"

    def _keep(self, marks: Mapping[str, str]) -> None:
        logs = {**self._kept.get("logs", {}), self._oid: self._place.written()}
        told = {"logs": logs, "tries": dict(self._tries), "sums": dict(self._sums)}
        self._run.keep(self._kept | told, marks)

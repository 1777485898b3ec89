"""Polls a shop's items: what changed since the last round, and once a day all: that shows what is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.services import Services
from app.settings import Merchant
from app.store.catalogue import CatalogueItem
from app.store.records import milliseconds
from tasks.catalogue_notes import ITEMS, catalogue_item, item_id_of
from tasks.poll_runs import PollReport, PollRun, run_poll

PAGE = 500
# Two clocks and the shop's own caches may differ; what is listed twice costs nothing.
OVERLAP = timedelta(minutes=10)
FULL_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a round is: begun at `started`, it asks for changes since `since` (None: all) from `offset`."""

    started: datetime
    since: datetime | None
    offset: int
    full_at: datetime | None
    done: bool = False

    def written(self) -> dict[str, Any]:
        """As it is kept."""
        stamps = {name: getattr(self, name) for name in ("started", "since", "full_at")}
        kept = {name: stamp and stamp.isoformat() for name, stamp in stamps.items()}
        return {**kept, "offset": self.offset, "done": self.done}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Cursor":
        """What `written` made."""
        since, full_at = (kept[name] and datetime.fromisoformat(kept[name]) for name in ("since", "full_at"))
        return cls(datetime.fromisoformat(kept["started"]), since, kept["offset"], full_at, kept["done"])

    @classmethod
    def next_of(cls, kept: Mapping[str, Any], now: datetime) -> "Cursor":
        """Goes on with an unfinished round, or begins the next one."""
        if not kept:
            return cls(now, None, 0, None)
        last = cls.read(kept)
        if not last.done:
            return last
        full = last.full_at is None or now - last.full_at >= FULL_EVERY
        return cls(now, None if full else last.started - OVERLAP, 0, last.full_at)


def poll_items(services: Services, merchant: Merchant) -> PollReport:
    """One run over a merchant's items; raises StoreUnavailable. Resumes at the page it had reached."""
    return run_poll(services, merchant, ITEMS, _poll)


def _poll(run: PollRun) -> None:
    account = run.merchant.account
    run.services.product_map.follow_file(account, run.merchant.id, run.merchant.rules.products)
    cursor = Cursor.next_of(run.cursor(), run.now())
    if cursor.since is None:
        # A full round comes once a day, and tells of whatever is dead.
        run.dead_for = timedelta(0)
        if cursor.offset == 0:
            run.services.polling.end_round(run.merchant.id, ITEMS)
    _ask_again(run)
    more = True
    while more:
        cursor, more = _page(run, cursor)
    if cursor.since is None:
        _sweep(run, cursor)
        cursor = replace(cursor, full_at=cursor.started)
    run.keep(replace(cursor, done=True).written(), {})


def _page(run: PollRun, cursor: Cursor) -> tuple[Cursor, bool]:
    page = run.ask(
        lambda shop, permit: shop.items_page(permit, since=cursor.since, offset=cursor.offset, limit=PAGE)
    )
    run.report.pages += 1
    run.report.skipped += page.skipped
    after = replace(cursor, offset=page.next_offset)
    if cursor.since is None:
        run.services.polling.list_in_round(run.merchant.id, ITEMS, filter(None, map(item_id_of, page.rows)))
    _take(run, page.rows, after)
    return after, page.more


def _take(run: PollRun, rows: Sequence[Mapping[str, Any]], cursor: Cursor) -> None:
    """Admission first, then the catalogue, the cursor last: what breaks off between is done again."""
    taken = run.admit("item_update", rows, cursor.started.isoformat())
    _note(run, taken.rows)
    run.keep(cursor.written(), taken.marks)


def _note(run: PollRun, rows: Sequence[Mapping[str, Any]]) -> None:
    noted_ms = milliseconds(run.now())
    items = [item for row in rows if (item := catalogue_item(row, noted_ms))]
    run.services.catalogue.write(run.merchant.id, items)


def _ask_again(run: PollRun) -> None:
    """Items whose mapping was changed: they are sent although they are as they were."""
    polling, merchant_id = run.services.polling, run.merchant.id
    for item_id in polling.asked_again(merchant_id):
        row = _fetch(run, item_id)
        if row is not None:
            _note(run, run.admit("item_update", [row], f"again {milliseconds(run.now())}", always=True).rows)
        polling.done_again(merchant_id, item_id)


def _sweep(run: PollRun, cursor: Cursor) -> None:
    """Marks as deleted what the full round has not listed, once the shop says that it has no such item."""
    listed = run.services.polling.listed_in_round(run.merchant.id, ITEMS)
    known = run.services.catalogue.read(run.merchant.id)
    for item in (item for item in known if not item.deleted and item.id not in listed):
        row = _fetch(run, item.id)
        if row is None:
            _delete(run, item, cursor)
        else:
            _take(run, [row], cursor)
        run.services.polling.list_in_round(run.merchant.id, ITEMS, [item.id])
    run.services.polling.end_round(run.merchant.id, ITEMS)


def _delete(run: PollRun, item: CatalogueItem, cursor: Cursor) -> None:
    gone = {"merchant_id": run.merchant.id, "merchant_item_id": item.id, "description": item.description}
    if item.oid:
        gone["merchant_item_oid"] = item.oid
    taken = run.admit("item_delete", [gone], cursor.started.isoformat())
    deleted = replace(item, deleted=True, active=False, noted_ms=milliseconds(run.now()))
    run.services.catalogue.write(run.merchant.id, [deleted])
    run.keep(cursor.written(), taken.marks)
    run.report.deleted += 1


def _fetch(run: PollRun, item_id: str) -> Mapping[str, Any] | None:
    """An item by its id; None when the shop has no such item."""
    try:
        return run.ask(lambda shop, permit: shop.get_item(item_id, permit))
    except DeliveryFailure as failure:
        if failure.failure is FailureClass.GONE:
            return None
        raise

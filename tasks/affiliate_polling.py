"""Polls a shop's affiliates, of whose changes no webhook tells: every page, Active first, then Inactive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.services import Services
from app.settings import Merchant
from tasks.poll_runs import PollReport, PollRun, run_poll

POLL = "affiliates"
STATUSES = ("Active", "Inactive")


def poll_affiliates(services: Services, merchant: Merchant) -> PollReport:
    """One run over a merchant's affiliates; raises StoreUnavailable. Resumes at the page it had reached."""
    return run_poll(services, merchant, POLL, _poll)


def _poll(run: PollRun) -> None:
    cursor = run.cursor() or _first_page(run.now())
    while True:
        cursor, ended = _page(run, cursor)
        if ended:
            return


def _page(run: PollRun, cursor: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Takes one page; the cursor of the next one, and whether the round is over."""
    status = cursor["status"]
    page = run.ask(lambda shop, permit: shop.affiliates_page(permit, status=status, offset=cursor["offset"]))
    run.report.pages += 1
    run.report.skipped += page.skipped
    taken = run.admit("affiliate_update", page.rows, cursor["started"])
    after = _after(cursor, page.next_offset if page.more else 0, run.now())
    run.keep(after, taken.marks)
    return after, (after["status"], after["offset"]) == (STATUSES[0], 0)


def _after(cursor: Mapping[str, Any], offset: int, now: datetime) -> dict[str, Any]:
    """The next page: of the same status, of the next one, or the first one of the next round."""
    if offset:
        return {**cursor, "offset": offset}
    place = STATUSES.index(cursor["status"]) + 1
    if place < len(STATUSES):
        return {**cursor, "status": STATUSES[place], "offset": 0}
    return _first_page(now)


def _first_page(now: datetime) -> dict[str, Any]:
    return {"status": STATUSES[0], "offset": 0, "started": now.isoformat()}

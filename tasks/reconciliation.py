"""Compares a shop's orders with the ledger, step by step, within the shop's allowance; resumable.

A run ends after its time like a poll's, and the next one goes on at the slice that it had reached.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from app.delivery.reconciliation import Job, Look, take
from app.delivery.reconciliation_report import document, write
from app.delivery.shop_orders import Span, step
from app.services import Services
from app.settings import Merchant
from app.ultracart.client_answers import Page
from tasks.poll_runs import PollReport, PollRun, run_poll

REPORTS = "reports"

log = structlog.get_logger()


def begin(services: Services, merchant: Merchant, name: str, span: Span, *, history: bool = False) -> Job:
    """A new comparison of the span under this name; the last one of that name is forgotten."""
    job = Job.begin(name, span, services.clock(), history=history)
    services.reconciliations.begin(merchant.id, name, job.written())
    return job


def current(services: Services, merchant: Merchant, name: str) -> Job | None:
    """The comparison of this name as it stands, ended or not."""
    kept = services.reconciliations.job(merchant.id, name)
    return Job.read(kept) if kept else None


def go_on(
    services: Services, merchant: Merchant, name: str, look: Look = lambda row, finding: finding
) -> PollReport:
    """One run of a comparison that was begun; raises StoreUnavailable. `done` when it has read all."""
    return run_poll(services, merchant, name, partial(_run, name=name, look=look))


def report_of(services: Services, merchant: Merchant, job: Job) -> dict[str, Any]:
    """What a comparison has found so far."""
    return document(merchant.id, job, services.reconciliations.found(merchant.id, job.name))


def _run(run: PollRun, *, name: str, look: Look) -> None:
    job = current(run.services, run.merchant, name)
    if job is None or job.ended_at:
        return
    while job.place:
        admitted, orders = job.admitted, job.orders
        found = step(partial(_ask, run), job.span, job.place)
        take(run.services, run.merchant, job, found, look)
        run.report.pages += 1
        run.report.seen += job.orders - orders
        run.report.changed += job.admitted - admitted
    _end(run, job)


def _end(run: PollRun, job: Job) -> None:
    job.ended_at = run.now().isoformat(timespec="seconds")
    job.kept_at = job.ended_at
    run.services.reconciliations.keep(run.merchant.id, job.name, job.written())
    report = report_of(run.services, run.merchant, job)
    try:
        write(run.services.settings.data_dir / REPORTS, report)
    except OSError as error:
        # The store has it all the same: `relay reconcile --show`.
        log.warning("reconciliation.report_unwritten", merchant=run.merchant.id, error=str(error))


def _ask(run: PollRun, criteria: Mapping[str, str], offset: int) -> Page:
    return run.ask(lambda shop, permit: shop.orders_page(criteria, permit, offset=offset))

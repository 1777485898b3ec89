"""`relay reconcile`: the shop's orders against the ledger; what was missed is admitted. For app.cli only."""

import json
import sys
import time
from datetime import datetime, timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.dates import SINCE, UNTIL
from app.cli.delivery import choose_merchant
from app.cli.store import open_services
from app.delivery.reconciliation import Job, Look
from app.delivery.reconciliation_report import text
from app.delivery.shadow import Shadow
from app.delivery.shop_orders import Span, progress
from app.errors import RelayError, SettingsError
from app.events import JobName
from app.services import Services
from app.settings import Merchant
from tasks.reconciliation import begin, current, go_on, report_of

NAME = click.Choice([str(name) for name in JobName])
AGAIN_SECONDS = 1.0
MOST_WAITING = 5_000


@click.command()
@click.option("--since", type=SINCE, help="Beginning (UTC); default: yesterday 00:00.")
@click.option("--until", type=UNTIL, help="End (UTC), a day as a whole; default: now.")
@click.option("--merchant", default="", metavar="ID", help="Needed when there are several.")
@click.option("--crm", is_flag=True, help="Also read each sale from ONTRAPORT: two requests each.")
@click.option("--show", type=NAME, help="Only the last report of this name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a text.")
def reconcile(
    since: datetime | None, until: datetime | None, merchant: str, crm: bool, show: str | None, as_json: bool
) -> None:
    """Compare the shop's sales and refunds with what the relay has delivered; admit what was missed.

    Orders are listed by creation, payment and refund date. What the relay was never told of is admitted as
    backfill: behind all that is live, and never twice. Interrupted, the same command goes on where it was.

    Ends with 0 when all is complete, else with 1.
    """
    services = open_services()
    chosen = with_key(services, merchant)
    if show:
        job = current(services, chosen, show)
        if job is None:
            raise SettingsError(f"{chosen.id}: there is no {show} reconciliation yet")
    else:
        look = Shadow(services, chosen).check if crm else None
        job = read_all(services, chosen, _begun(services, chosen, since, until), look)
    report = report_of(services, chosen, job)
    click.echo(json.dumps(report) if as_json else text(report), nl=as_json)
    sys.exit(0 if report["complete"] else 1)


def with_key(services: Services, merchant_id: str) -> Merchant:
    """The chosen merchant, whose shop can be read. Raises SettingsError."""
    chosen = choose_merchant(services.settings, merchant_id)
    if chosen.id not in services.shops:
        raise SettingsError(
            f"{chosen.id}: ULTRACART_SIMPLE_KEY is missing: the shop's orders are read with it"
        )
    return chosen


def span_of(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """The span that was asked for, in UTC. Raises SettingsError when it is empty."""
    yesterday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    begin_at = since or yesterday
    end_at = min(until or now, now).replace(microsecond=0)
    if begin_at >= end_at:
        form = "%Y-%m-%dT%H:%M:%S"
        raise SettingsError(f"--since {begin_at:{form}} is not before --until {end_at:{form}} (UTC)")
    return Span(begin_at, end_at)


def read_all(services: Services, merchant: Merchant, job: Job, look: Look | None = None) -> Job:
    """Goes on until the job has read everything, with a progress bar on stderr. Raises RelayError.

    Between runs it waits while MOST_WAITING of what was admitted is undelivered: the store keeps its room.
    """
    with bar() as shown:
        task = shown.add_task(f"{merchant.id} {job.name}", total=1.0, said="")
        while not job.ended_at:
            report = go_on(services, merchant, job.name, **({"look": look} if look else {}))
            job = current(services, merchant, job.name) or job
            said = f"{job.orders} orders, {job.admitted} admitted"
            if report.ending == "failed":
                raise RelayError(f"{merchant.id}: {report.reason}")
            waits = "" if report.ending == "done" else f"; {report.reason}"
            shown.update(task, completed=progress(job.span, job.place), said=said + waits)
            if not job.ended_at:
                time.sleep(AGAIN_SECONDS)
            while not job.ended_at and (waiting := _waiting(services, merchant)) > MOST_WAITING:
                shown.update(task, said=f"{said}; {waiting} wait for ONTRAPORT")
                time.sleep(AGAIN_SECONDS)
    return job


def _waiting(services: Services, merchant: Merchant) -> int:
    return services.log.counts(merchant.account).backfill


def bar() -> Progress:
    """A bar with the time to finish, on stderr; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    return Progress(
        *columns, TimeRemainingColumn(), TextColumn("{task.fields[said]}"),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip


def _begun(services: Services, merchant: Merchant, since: datetime | None, until: datetime | None) -> Job:
    span = span_of(since, until, services.clock())
    job = current(services, merchant, JobName.BY_HAND)
    if job and not job.ended_at and job.span == span:
        return job
    return begin(services, merchant, JobName.BY_HAND, span)

"""`relay backfill`: the shop's history into the CRM, behind all that is live; for app.cli.main only."""

import json
import sys
from datetime import datetime

import click

from app.cli.dates import SINCE, UNTIL
from app.cli.reconcile import read_all, span_of, with_key
from app.cli.store import open_services
from app.delivery.reconciliation import Job
from app.delivery.reconciliation_report import text
from app.delivery.shop_orders import Span
from app.errors import SettingsError
from app.events import JobName
from app.services import Services
from app.settings import Merchant
from tasks.reconciliation import begin, current, report_of


@click.command()
@click.option("--since", type=SINCE, required=True, help="Beginning (UTC).")
@click.option("--until", type=UNTIL, required=True, help="End (UTC), a day as a whole.")
@click.option("--merchant", default="", metavar="ID", help="Needed when there are several.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with an unfinished one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a text.")
def backfill(since: datetime, until: datetime, merchant: str, restart: bool, as_json: bool) -> None:
    """Bring the sales and refunds of a span into ONTRAPORT, also those paid before LIVE_SINCE.

    Each is looked for in ONTRAPORT first, and adopted if it is there. It all goes out behind what is live,
    and reading waits while much of it is undelivered. Interrupted, the same command goes on where it was.

    ONTRAPORT knows no way to log a sale without firing the automations that start at a purchase: switch those
    off for as long as the backfill takes.

    Ends with 0 when everything was there already, else with 1.
    """
    services = open_services()
    chosen = with_key(services, merchant)
    job = _begun(services, chosen, span_of(since, until, services.clock()), restart)
    report = report_of(services, chosen, read_all(services, chosen, job))
    click.echo(json.dumps(report) if as_json else text(report), nl=as_json)
    sys.exit(0 if report["complete"] else 1)


def _begun(services: Services, merchant: Merchant, span: Span, restart: bool) -> Job:
    job = current(services, merchant, JobName.BACKFILL)
    if job is None or job.ended_at or restart:
        return begin(services, merchant, JobName.BACKFILL, span, history=True)
    if job.span != span:
        raise SettingsError(
            f"{merchant.id}: a backfill from {job.span.since:%Y-%m-%dT%H:%M:%S} to "
            f"{job.span.until:%Y-%m-%dT%H:%M:%S} is unfinished: name its span to go on, or --restart"
        )
    return job

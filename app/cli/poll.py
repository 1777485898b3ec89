"""`relay poll`: one round of the shops' items, affiliates and webhook now; for app.cli.main only."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

import click

from app.cli.store import open_services
from app.services import Services
from app.settings import Merchant
from tasks.affiliate_polling import poll_affiliates
from tasks.item_polling import poll_items
from tasks.poll_runs import PollReport
from tasks.webhook_polling import poll_webhook

POLLS: Mapping[str, Callable[[Services, Merchant], PollReport]] = {
    "items": poll_items,
    "affiliates": poll_affiliates,
    "webhook": poll_webhook,
}


@click.command()
@click.argument("names", metavar="[items] [affiliates] [webhook]", nargs=-1, type=click.Choice(list(POLLS)))
@click.option("--merchant", default="", metavar="ID", help="Only this merchant's shop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def poll(names: tuple[str, ...], merchant: str, as_json: bool) -> None:
    """Poll the shops now instead of waiting for the next round; all three polls unless told which.

    `webhook` looks at how UltraCart's deliveries to us fare, and fetches those that failed.
    Ends with 1 when a shop refused.
    """
    services = open_services()
    merchants = [one for one in services.settings.merchants.values() if merchant in ("", one.id)]
    reports = [POLLS[name](services, one) for one in merchants for name in names or POLLS]
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports]))
    else:
        for report in reports:
            click.echo(f"{report.merchant_id} {report.poll}: {report.words()}")
    sys.exit(1 if any(report.ending == "failed" for report in reports) else 0)

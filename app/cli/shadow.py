"""`relay shadow`: compares what the relay would send with what ONTRAPORT holds; for app.cli.main only."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta

import click
from rich.console import Console
from rich.table import Table

from app.cli.dates import SINCE, UNTIL
from app.cli.delivery import choose_merchant
from app.cli.store import open_services
from app.delivery.shadow import Comparison, Shadow
from app.errors import SettingsError


@click.command()
@click.option("--since", type=SINCE, help="Paid since (UTC); default: a day ago.")
@click.option("--until", type=UNTIL, help="Paid until (UTC), a day as a whole; default: now.")
@click.option("--merchant", default="", metavar="ID", help="Needed when there are several.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def shadow(since: datetime | None, until: datetime | None, merchant: str, as_json: bool) -> None:
    """Compare the shop's paid orders with ONTRAPORT, order by order. Sends nothing, writes nothing.

    Ends with 0 when every order is the same or skipped.
    """
    services = open_services()
    chosen = choose_merchant(services.settings, merchant)
    if chosen.id not in services.shops:
        raise SettingsError("ULTRACART_SIMPLE_KEY is missing: the shop's orders are read with it")
    now = services.clock()
    begin, end = since or now - timedelta(days=1), until or now
    comparing = Shadow(services, chosen)
    found = [comparing.compare(order) for order in comparing.orders(begin, end)]
    if as_json:
        click.echo(json.dumps([_fields(one) for one in found]))
    else:
        _show(found)
    sys.exit(0 if all(one.verdict in ("same", "skipped") for one in found) else 1)


def _fields(one: Comparison) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in asdict(one).items()}


def _show(found: list[Comparison]) -> None:
    table = Table()
    for column in ("order", "verdict", "the relay's total", "ONTRAPORT's total", "invoice", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(
            one.order_id, one.verdict, str(one.ours or ""), str(one.theirs or ""), one.invoice, one.why
        )
    console = Console()
    console.print(table)
    counts = Counter(one.verdict for one in found)
    console.print(
        ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "no orders"
    )

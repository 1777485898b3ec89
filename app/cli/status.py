"""`relay status`: what waits, what is dead, which gates are closed; for app.cli.main only."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.alerts.readings import AccountReading, Readings
from app.alerts.rules import find_alerts
from app.alerts.wording import failed_deliveries_text, money_text
from app.cli.capacity import account_capacity, account_words, memory_capacity, memory_words
from app.cli.comparisons import comparison_words, shop_comparisons
from app.cli.store import open_services
from app.events import OPEN_STATES
from app.services import Services

LOOK_FIRST = (
    "look-first: the store lost writes at {} UTC; what is older is looked up in the CRM before it is written "
    "(`relay look-first off` ends it)"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def status(as_json: bool) -> None:
    """Show counts per kind and state, gates, age, dead letters, quarantine, and when what waits will be gone.

    Ends with 0 when nothing is open, else with 1.
    """
    report = read_status(open_services())
    if as_json:
        click.echo(json.dumps(report))
    else:
        show(report)
    sys.exit(1 if report["open"] else 0)


def read_status(services: Services) -> dict[str, Any]:
    """Everything that `relay status` tells, as JSON types. Ages in seconds, money in cents per currency."""
    readings = services.survey.read()
    accounts = {one.account: _account(one, readings) for one in readings.accounts}
    at_work, threads = services.log.threads()
    return {
        "open": readings.quarantined + sum(account["open"] for account in accounts.values()),
        "dead": sum(account["dead"] for account in accounts.values()),
        "quarantined": readings.quarantined,
        "oldest_seconds": max((account["oldest_seconds"] for account in accounts.values()), default=0),
        "accounts": accounts,
        "shops": {shop.merchant_id: shop_comparisons(shop) for shop in readings.shops},
        "heard": {name: _iso(one.heard_at) for name, one in readings.rhythms.items()},
        "failed_deliveries": {
            one.merchant_id: dict(one.failed_deliveries) for one in readings.shops if one.failed_deliveries
        },
        "threads": {"all": threads, "at_work": at_work},
        "memory": memory_capacity(readings),
        "alerts": [alert.group for alert in find_alerts(readings)],
        "look_first_since": _iso(readings.writes_lost_at),
        "events": services.log.events(),
        "engine": services.log.engine(),
    }


def _account(one: AccountReading, readings: Readings) -> dict[str, Any]:
    age = (readings.now - one.oldest).total_seconds() if one.oldest else 0
    shut = one.gate and {
        "reason": one.gate.reason,
        "text": one.gate.text,
        "since": one.gate.since.isoformat(),
        "until": one.gate.until.isoformat(),
    }
    return {
        "kinds": {kind: {s: n for s, n in states.items() if n} for kind, states in one.states.items()},
        "open": sum(n for states in one.states.values() for s, n in states.items() if s in OPEN_STATES),
        "dead": one.dead_count,
        "money_waiting_cents": dict(one.held_cents),
        "gate": shut,
        "oldest_seconds": round(max(age, 0)),
        "capacity": account_capacity(one, readings),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def show(report: Mapping[str, Any]) -> None:
    """The report for a person."""
    console = Console()
    for name, account in report["accounts"].items():
        table = Table(title=name, title_justify="left")
        for column in ("kind", "state", "transmissions"):
            table.add_column(column, justify="right" if column == "transmissions" else "left")
        for kind, states in account["kinds"].items():
            for state, number in sorted(states.items()):
                table.add_row(kind, state, str(number))
        console.print(table)
        console.print(_sentence(account))
        console.print(account_words(account["capacity"]))
    for line in (*_shops(report), *_threads(report)):
        console.print(line)
    if report["look_first_since"]:
        console.print(LOOK_FIRST.format(report["look_first_since"][:19]))
    events = ", ".join(f"{number} {name}" for name, number in sorted(report["events"].items()))
    console.print(f"events: {events or 'none yet'}; quarantined and kept: {report['quarantined']}")
    console.print(memory_words(report["memory"]))
    if report["alerts"]:
        console.print(f"alerts: {', '.join(report['alerts'])}; `relay alerts` tells more")


def _shops(report: Mapping[str, Any]) -> Iterator[str]:
    for merchant, at in report["heard"].items():
        yield f"{merchant}: last delivery at {at[:19]} UTC" if at else f"{merchant}: no delivery yet"
    yield from comparison_words(report["shops"])
    for merchant, counts in report["failed_deliveries"].items():
        yield f"{merchant}: {failed_deliveries_text(counts)}"


def _threads(report: Mapping[str, Any]) -> Iterator[str]:
    threads = report["threads"]
    if len(report["accounts"]) < 2:
        return
    each = ", ".join(f"{number} for {account}" for account, number in sorted(threads["at_work"].items()))
    words = f"threads: {sum(threads['at_work'].values())} of {threads['all']} at work"
    yield f"{words} ({each}); none is given more than stay free" if each else words


def _sentence(account: Mapping[str, Any]) -> str:
    gate = account["gate"]
    words = "gate open"
    if gate:
        words = f"gate closed ({gate['reason']}) since {gate['since'][:19]} UTC: {gate['text']}; "
        words += f"tried again at {gate['until'][:19]} UTC"
    money, age = money_text(account["money_waiting_cents"]), account["oldest_seconds"]
    return f"{words}; oldest waits {age} s; money not yet delivered: {money}"

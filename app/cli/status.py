"""`relay status`: what waits, what is dead, which gates are closed; for app.cli.main only."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.alerts.rules import find_alerts
from app.alerts.wording import money_text
from app.cli.capacity import account_capacity, account_words, memory_capacity, memory_words
from app.cli.store import open_services
from app.events import OPEN_STATES
from app.services import Services
from app.store import look_first


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
    accounts = {
        one.account: {**_account(services, one.account), "capacity": account_capacity(one, readings)}
        for one in readings.accounts
    }
    quarantined = services.log.quarantined()
    looking = look_first.since(services.client)
    return {
        "open": quarantined + sum(account["open"] for account in accounts.values()),
        "dead": sum(account["dead"] for account in accounts.values()),
        "quarantined": quarantined,
        "oldest_seconds": max((account["oldest_seconds"] for account in accounts.values()), default=0),
        "accounts": accounts,
        "memory": memory_capacity(readings),
        "alerts": [alert.group for alert in find_alerts(readings)],
        "look_first_since": looking.isoformat() if looking else None,
        "events": services.log.events(),
        "engine": services.log.engine(),
    }


def _account(services: Services, name: str) -> dict[str, Any]:
    counts = services.log.counts(name)
    gate = services.gates.read(name)
    age = services.clock().timestamp() - counts.oldest_ms / 1000 if counts.oldest_ms else 0
    shut = gate and {
        "reason": gate.reason,
        "text": gate.text,
        "since": gate.since.isoformat(),
        "until": gate.until.isoformat(),
    }
    return {
        "kinds": {kind: {s: n for s, n in states.items() if n} for kind, states in counts.states.items()},
        "open": sum(n for states in counts.states.values() for s, n in states.items() if s in OPEN_STATES),
        "dead": services.dead_letters.count(name),
        "money_waiting_cents": counts.money,
        "gate": shut,
        "oldest_seconds": round(max(age, 0)),
    }


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
    if report["look_first_since"]:
        console.print(
            f"look-first: the store lost writes at {report['look_first_since'][:19]} UTC; what is older is "
            "looked up in the CRM before it is written (`relay look-first off` ends it)"
        )
    events = ", ".join(f"{number} {name}" for name, number in sorted(report["events"].items()))
    console.print(f"events: {events or 'none yet'}; quarantined and kept: {report['quarantined']}")
    console.print(memory_words(report["memory"]))
    if report["alerts"]:
        console.print(f"alerts: {', '.join(report['alerts'])}; `relay alerts` tells more")


def _sentence(account: Mapping[str, Any]) -> str:
    gate = account["gate"]
    words = "gate open"
    if gate:
        words = f"gate closed ({gate['reason']}) since {gate['since'][:19]} UTC: {gate['text']}; "
        words += f"tried again at {gate['until'][:19]} UTC"
    money, age = money_text(account["money_waiting_cents"]), account["oldest_seconds"]
    return f"{words}; oldest waits {age} s; money not yet delivered: {money}"

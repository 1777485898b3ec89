"""`relay dead`: dead letters, kept until somebody acts; for app.cli.main only."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.cli.store import open_services
from app.errors import FailureClass, SettingsError
from app.services import Services
from app.store.letters import DeadLetter

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


@click.group()
def dead() -> None:
    """List, read and replay what was tried and given up."""


@dead.command("list")
@click.option("--limit", default=100, show_default=True, help="How many, the latest first.")
@_JSON
def list_letters(limit: int, as_json: bool) -> None:
    """List dead letters: which order, why, how much money."""
    services = open_services()
    letters = [letter for name in _accounts(services) for letter in services.dead_letters.list(name, limit)]
    if as_json:
        click.echo(json.dumps([_fields(letter) for letter in letters]))
        return
    if not letters:
        click.echo("no dead letters")
        return
    table = Table()
    for column in ("id", "subject", "class", "attempts", "died at (UTC)", "money", "reason"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        table.add_row(
            letter.id, letter.subject, letter.failure, str(letter.attempts),
            letter.died_at.strftime("%Y-%m-%d %H:%M:%S"), _money(letter), letter.reason,
        )  # fmt: skip
    Console().print(table)


@dead.command()
@click.argument("transmission_id", metavar="ID")
@_JSON
def show(transmission_id: str, as_json: bool) -> None:
    """Show one dead letter with every request that was sent for it and the answers."""
    services = open_services()
    letter = _find(services, transmission_id)
    exchanges = services.log.exchanges(transmission_id)
    event = services.dead_letters.payload(letter.event_id)
    if as_json:
        payload = json.loads(event[1]) if event else None
        name = event[0] if event else None
        click.echo(json.dumps({**_fields(letter), "event": name, "payload": payload, "exchanges": exchanges}))
        return
    click.echo(f"{letter.subject} to {letter.account}: {letter.failure} after {letter.attempts} attempts")
    click.echo(f"{letter.reason}")
    click.echo(f"money: {_money(letter)}; died at {letter.died_at:%Y-%m-%d %H:%M:%S} UTC")
    for number, one in enumerate(exchanges, 1):
        click.echo(
            f"\n{number}. {one['started_at']} {one['method']} {one['path']} ({one['milliseconds']} ms)"
        )
        click.echo(f"   sent: {one['request'] or '-'}")
        click.echo(f"   answer: {one['status'] or one['error'] or '-'} {one['answer']}")
    click.echo(f"\nsend it again: relay dead replay {letter.id}")


@dead.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Every dead letter but those whose write is in doubt."
)
@_JSON
def replay(transmission_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Send dead letters again, as the same transmissions: what was done already is not done twice."""
    services = open_services()
    if everything:
        accounts = _accounts(services)
        transmission_ids = tuple(
            one.id
            for name in accounts
            for one in services.dead_letters.list(name, 100_000)
            if one.failure != FailureClass.UNKNOWN
        )
    if not transmission_ids and not everything:
        raise click.UsageError("name the dead letters, or say --all")
    replayed = [one for one in transmission_ids if services.dead_letters.replay(one)]
    refused = [one for one in transmission_ids if one not in replayed]
    if as_json:
        click.echo(json.dumps({"replayed": replayed, "not_dead": refused}))
    else:
        click.echo(f"replayed {len(replayed)}")
        for one in refused:
            click.echo(f"{one} is not a dead letter", err=True)
    sys.exit(1 if refused else 0)


def _accounts(services: Services) -> list[str]:
    return sorted({*services.log.accounts(), *services.accounts})


def _find(services: Services, transmission_id: str) -> DeadLetter:
    letter = services.dead_letters.show(transmission_id)
    if letter is None:
        raise SettingsError(f"{transmission_id} is not a dead letter; `relay dead list` names them")
    return letter


def _fields(letter: DeadLetter) -> dict[str, Any]:
    return {**asdict(letter), "died_at": letter.died_at.isoformat()}


def _money(letter: DeadLetter) -> str:
    return f"{letter.cents / 100:.2f} {letter.currency}".strip()

"""`relay quarantine`: what could not be read; for app.cli.main only."""

import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.cli.dead_options import as_json, written
from app.cli.store import open_services
from app.errors import SettingsError
from app.store.quarantine import Unread


@click.group()
def quarantine() -> None:
    """Look at what was authenticated and could not be read, and throw it away."""


@quarantine.command("list")
@click.option("--limit", default=100, show_default=True, help="How many, the latest first; 0: all.")
@as_json
def list_unread(limit: int, as_json: bool) -> None:
    """List what is kept: when it came, how large it is, why it could not be read."""
    found = list(open_services().quarantine.find(limit or None))
    if as_json:
        click.echo(written([_document(one) for one in found]))
        return
    if not found:
        click.echo("the quarantine is empty")
        return
    table = Table()
    for column in ("id", "came at (UTC)", "merchant", "bytes", "reason"):
        table.add_column(column, overflow="fold")
    for one in found:
        came = f"{one.arrived_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.id, came, one.merchant_id, str(len(one.body)), one.reason)
    Console().print(table)


@quarantine.command()
@click.argument("event_id", metavar="ID")
@click.option("--body", "only_body", is_flag=True, help="Only its bytes, as they came.")
@as_json
def show(event_id: str, only_body: bool, as_json: bool) -> None:
    """Show one of them with its body."""
    found = open_services().quarantine.show(event_id)
    if found is None:
        raise SettingsError(f"{event_id} is not in quarantine; `relay quarantine list` names what is")
    if only_body:
        click.echo(found.body, nl=False)
    elif as_json:
        click.echo(written(_document(found, body=True)))
    else:
        click.echo(
            f"came at {found.arrived_at:%Y-%m-%d %H:%M:%S} UTC for {found.merchant_id}: {found.reason}\n"
        )
        click.echo(found.body.decode(errors="replace"))


@quarantine.command()
def export() -> None:
    """Write everything in quarantine as JSON lines. The bodies may hold personal data."""
    for one in open_services().quarantine.find():
        click.echo(written(_document(one, body=True)))


@quarantine.command()
@click.argument("event_ids", metavar="ID...", nargs=-1, required=True)
@as_json
def discard(event_ids: tuple[str, ...], as_json: bool) -> None:
    """Throw away what is of no use. It is gone then: `relay quarantine export` keeps it elsewhere."""
    kept = open_services().quarantine
    gone = [one for one in event_ids if kept.discard(one)]
    missing = [one for one in event_ids if one not in gone]
    click.echo(written({"discarded": gone, "missing": missing}) if as_json else f"discarded {len(gone)}")
    for one in missing:
        click.echo(f"{one} is not in quarantine", err=True)
    sys.exit(1 if missing else 0)


def _document(one: Unread, *, body: bool = False) -> dict[str, Any]:
    told = {"id": one.id, "arrived_at": one.arrived_at, "reason": one.reason}
    told |= {"merchant_id": one.merchant_id, "bytes": len(one.body)}
    return told | ({"body": one.body.decode(errors="replace")} if body else {})

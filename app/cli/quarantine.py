"""`relay quarantine`: what could not be read; for app.cli.main only."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from app.cli.dead_options import actor, as_json, written
from app.cli.listing import listing
from app.cli.store import open_services
from app.delivery.rereading import Reread, read_again
from app.errors import SettingsError
from app.store.quarantine import Unread, UnreadGroup, grouped


@click.group()
def quarantine() -> None:
    """Look at what was authenticated and could not be read; read it again, or throw it away."""


@quarantine.command("list")
@click.option("--limit", default=100, show_default=True, help="How many, the latest first; 0: all.")
@click.option("--closed", is_flag=True, help="What people discarded, or was read after all, and why.")
@as_json
def list_unread(limit: int, closed: bool, as_json: bool) -> None:
    """List what is kept: when it came, how large it is, why it could not be read."""
    found = list(open_services().quarantine.find(limit or None, closed=closed))
    if as_json:
        click.echo(written([_document(one) for one in found]))
    elif found:
        click.echo("\n".join(_lines(found)))
    else:
        click.echo("nothing was discarded or read again" if closed else "the quarantine is empty")


@quarantine.command()
@as_json
def groups(as_json: bool) -> None:
    """Count what is kept by the reason why it could not be read."""
    found = grouped(open_services().quarantine.find())
    if as_json:
        click.echo(written(found))
    else:
        click.echo("\n".join(_groups(found)) if found else "the quarantine is empty")


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
        click.echo(f"came at {_time(found)} UTC for {found.merchant_id}: {found.reason}")
        click.echo(f"{_closed(found)}\n" if found.closing else "")
        click.echo(found.body.decode(errors="replace") or "its body is no longer kept")


@quarantine.command()
def export() -> None:
    """Write everything in quarantine as JSON lines. The bodies may hold personal data."""
    for one in open_services().quarantine.find():
        click.echo(written(_document(one, body=True)))


@quarantine.command()
@click.argument("event_ids", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything in quarantine.")
@actor
@as_json
def replay(event_ids: tuple[str, ...], everything: bool, actor: str, as_json: bool) -> None:
    """Read it again, as after an upgrade: what can be read now is taken in as if it had just come.

    What still cannot be read stays. Ends with 0 when all could be read.
    """
    if not event_ids and not everything:
        raise click.UsageError("name what is to be read again, or say --all")
    services = open_services()
    kept = services.quarantine
    named = [one for one in map(kept.show, event_ids) if one and not one.closing]
    found = named if event_ids else list(kept.find())
    results = [read_again(services, one, actor=actor) for one in found]
    missing = sorted({*event_ids} - {one.id for one in found})
    _tell(results, missing, as_json=as_json)
    sys.exit(1 if missing or any(one.admission is None for one in results) else 0)


@quarantine.command()
@click.argument("event_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept with the record.")
@actor
@as_json
def discard(event_ids: tuple[str, ...], reason: str, actor: str, as_json: bool) -> None:
    """Throw away what is of no use. It can be read for PAYLOAD_DAYS: `relay quarantine list --closed`."""
    kept = open_services().quarantine
    gone = [one for one in event_ids if kept.discard(one, actor=actor, reason=reason)]
    missing = [one for one in event_ids if one not in gone]
    click.echo(written({"discarded": gone, "missing": missing}) if as_json else f"discarded {len(gone)}")
    for one in missing:
        click.echo(f"{one} is not in quarantine", err=True)
    sys.exit(1 if missing else 0)


def _tell(results: Sequence[Reread], missing: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(written({"results": results, "missing": missing}))
        return
    click.echo(f"read {sum(one.admission is not None for one in results)} of {len(results)}")
    for one in results:
        if one.admission is None:
            click.echo(f"  {one.id} still cannot be read: {one.reason}")
    for event_id in missing:
        click.echo(f"{event_id} is not in quarantine", err=True)


def _lines(found: Sequence[Unread]) -> Iterator[str]:
    rows = [
        (
            (one.id, _time(one), one.merchant_id, str(len(one.body))),
            f"{one.reason} {_closed(one)}".rstrip(),
        )
        for one in found
    ]
    return listing(("id", "came at (UTC)", "merchant", "bytes"), rows)


def _groups(found: Sequence[UnreadGroup]) -> Iterator[str]:
    rows = [
        (
            (one.merchant_id, str(one.count), f"{one.oldest:%Y-%m-%d %H:%M}", f"{one.latest:%Y-%m-%d %H:%M}"),
            one.reason,
        )
        for one in found
    ]
    return listing(("merchant", "number", "oldest (UTC)", "latest (UTC)"), rows)


def _closed(one: Unread) -> str:
    end = one.closing
    return f"{end.state} by {end.actor} at {end.at:%Y-%m-%d %H:%M:%S} UTC: {end.reason}" if end else ""


def _time(one: Unread) -> str:
    return f"{one.arrived_at:%Y-%m-%d %H:%M:%S}"


def _document(one: Unread, *, body: bool = False) -> dict[str, Any]:
    told = {"id": one.id, "arrived_at": one.arrived_at, "reason": one.reason}
    told |= {"merchant_id": one.merchant_id, "bytes": len(one.body), "closing": one.closing}
    return told | ({"body": one.body.decode(errors="replace")} if body else {})

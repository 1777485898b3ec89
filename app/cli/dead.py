"""`relay dead`: dead letters, kept until somebody acts; for app.cli.main only."""

from collections.abc import Iterator, Sequence
from itertools import islice

import click

from app.alerts.wording import money_text
from app.cli.dead_assign import assign
from app.cli.dead_close import discard, done
from app.cli.dead_compare import compare
from app.cli.dead_export import export
from app.cli.dead_options import as_json, filtered, find_letter, money_of, written
from app.cli.dead_replay import replay
from app.cli.dead_show import lines
from app.cli.listing import listing
from app.cli.store import open_services
from app.delivery.versions import InForce
from app.store.letters import DeadLetter, Group, Wanted, document, grouped


@click.group()
def dead() -> None:
    """List, read, replay and end what was tried and given up."""


dead.add_command(replay)
dead.add_command(discard)
dead.add_command(done)
dead.add_command(assign)
dead.add_command(compare)
dead.add_command(export)


@dead.command("list")
@filtered
@click.option("--limit", default=100, show_default=True, help="How many, the latest first; 0: all.")
@as_json
def list_letters(wanted: Wanted, limit: int, as_json: bool) -> None:
    """List dead letters: which order, why, how much money."""
    letters = list(islice(open_services().dead_letters.find(wanted), limit or None))
    if as_json:
        click.echo(written([document(letter) for letter in letters]))
    elif letters:
        click.echo("\n".join(_letters(letters)))
        if len(letters) == limit:
            click.echo(f"the latest {limit}; --limit 0 lists all, `relay dead groups` counts them")
    else:
        click.echo("no dead letters")


@dead.command()
@filtered
@as_json
def groups(wanted: Wanted, as_json: bool) -> None:
    """Count dead letters by what they died of: destination, class, code and field."""
    found = grouped(open_services().dead_letters.find(wanted))
    if as_json:
        click.echo(written(found))
    elif found:
        click.echo("\n".join(_groups(found)))
    else:
        click.echo("no dead letters")


@dead.command()
@click.argument("transmission_id", metavar="ID")
@as_json
def show(transmission_id: str, as_json: bool) -> None:
    """Show one dead letter with every request that was sent for it and the answers."""
    services = open_services()
    letter = find_letter(services, transmission_id)
    [history] = services.dead_letters.histories([letter])
    now = InForce(services)(letter.account)
    click.echo(written(document(letter, history)) if as_json else "\n".join(lines(letter, history, now)))


def _letters(letters: Sequence[DeadLetter]) -> Iterator[str]:
    columns = ("id", "subject", "kind", "class", "money", "died at (UTC)", "holds", "owner")
    rows = [
        (
            (one.id, one.subject, one.kind, one.failure, money_of(one), f"{one.died_at:%Y-%m-%d %H:%M:%S}",
             str(len(one.followers) or ""), one.owner),
            one.reason,
        )
        for one in letters
    ]  # fmt: skip
    return listing(columns, rows)


def _groups(found: Sequence[Group]) -> Iterator[str]:
    columns = ("group", "letters", "money", "oldest (UTC)", "latest (UTC)")
    rows = [
        (
            (one.key, str(one.count), money_text(one.money), f"{one.oldest:%Y-%m-%d %H:%M}",
             f"{one.latest:%Y-%m-%d %H:%M}"),
            one.reason,
        )
        for one in found
    ]  # fmt: skip
    return listing(columns, rows)

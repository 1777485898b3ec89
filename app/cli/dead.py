"""`relay dead`: dead letters, kept until somebody acts; for app.cli.main only."""

from collections.abc import Iterable, Iterator
from itertools import islice

import click
from rich.console import Console
from rich.table import Table

from app.alerts.wording import money_text
from app.cli.dead_close import discard, done
from app.cli.dead_options import as_json, filtered, find_letter, money_of, written
from app.cli.dead_replay import replay
from app.cli.store import open_services
from app.services import Services
from app.store.letters import DeadLetter, Group, History, Wanted, document, grouped

EXPORTED_AT_ONCE = 50


@click.group()
def dead() -> None:
    """List, read, replay and end what was tried and given up."""


dead.add_command(replay)
dead.add_command(discard)
dead.add_command(done)


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
        Console().print(_table(letters))
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
        Console().print(_groups(found))
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
    click.echo(written(document(letter, history)) if as_json else "\n".join(_lines(letter, history)))


@dead.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@filtered
def export(transmission_ids: tuple[str, ...], wanted: Wanted) -> None:
    """Write dead letters as JSON lines, each with its payload and every exchange. They hold personal data."""
    services = open_services()
    letters = services.dead_letters
    found = letters.read(transmission_ids) if transmission_ids else letters.find(wanted)
    for line in _exported(services, found):
        click.echo(line)


def _exported(services: Services, letters: Iterable[DeadLetter]) -> Iterator[str]:
    rest = iter(letters)
    while page := list(islice(rest, EXPORTED_AT_ONCE)):
        for letter, history in zip(page, services.dead_letters.histories(page), strict=True):
            yield written(document(letter, history))


def _table(letters: Iterable[DeadLetter]) -> Table:
    table = Table()
    for column in ("id", "subject", "kind", "class", "died at (UTC)", "money", "holds", "reason"):
        table.add_column(column, overflow="fold")
    for one in letters:
        table.add_row(
            one.id, one.subject, one.kind, one.failure, f"{one.died_at:%Y-%m-%d %H:%M:%S}", money_of(one),
            str(len(one.followers) or ""), one.reason,
        )  # fmt: skip
    return table


def _groups(found: Iterable[Group]) -> Table:
    table = Table()
    for column in ("group", "letters", "oldest (UTC)", "latest (UTC)", "money", "latest reason"):
        table.add_column(column, overflow="fold", justify="right" if column == "letters" else "left")
    for one in found:
        table.add_row(
            one.key, str(one.count), f"{one.oldest:%Y-%m-%d %H:%M}", f"{one.latest:%Y-%m-%d %H:%M}",
            money_text(one.money), one.reason,
        )  # fmt: skip
    return table


def _lines(letter: DeadLetter, history: History) -> Iterator[str]:
    yield f"{letter.subject} to {letter.account}: {letter.kind}, {letter.failure}"
    yield letter.reason
    yield f"money: {money_of(letter) or 'none'}; group: {letter.group}; given up: {letter.condition or '-'}"
    first = f"{letter.first_attempt_at:%Y-%m-%d %H:%M:%S}" if letter.first_attempt_at else "-"
    yield f"attempts: {letter.attempts}, the first at {first}, died at {letter.died_at:%Y-%m-%d %H:%M:%S} UTC"
    if letter.replays:
        yield f"replayed {letter.replays} times, last at {letter.replayed_at:%Y-%m-%d %H:%M:%S} UTC"
    for one in letter.followers:
        yield f"holds back: {one.id} {one.kind} {money_of(one)}".rstrip()
    for number, call in enumerate(history.exchanges, 1):
        yield f"\n{number}. {call['started_at']} {call['method']} {call['path']} ({call['milliseconds']} ms)"
        yield f"   sent: {call['request'] or '-'}"
        yield f"   answer: {call['status'] or call['error'] or '-'} {call['answer']}"
    yield f"\nsend it again:  relay dead replay {letter.id}"
    yield f"give it up:     relay dead discard {letter.id} --actor NAME --reason TEXT"
    yield f"done by hand:   relay dead done {letter.id} --actor NAME --record-id ID"

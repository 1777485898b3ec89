"""`relay dead export`: dead letters as lines for another program or a spreadsheet; for app.cli.dead only."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from app.cli.dead_options import filtered, written
from app.cli.store import open_services
from app.services import Services
from app.spreadsheet import csv_text
from app.store.letters import DeadLetter, Wanted, document

EXPORTED_AT_ONCE = 50
TIMES = ("created_at", "first_attempt_at", "died_at")
COLUMNS = (
    "id", "subject", "kind", "account", "failure", "group", "condition", "reason", "amount", "currency",
    "attempts", "replays", *TIMES, "followers", "owner", "note",
)  # fmt: skip


@click.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@filtered
@click.option("--csv", "as_csv", is_flag=True, help="A table without payloads, exchanges and personal data.")
def export(transmission_ids: tuple[str, ...], wanted: Wanted, as_csv: bool) -> None:
    """Write dead letters as JSON lines, each with its payload and every exchange. They hold personal data."""
    services = open_services()
    letters = services.dead_letters
    found = letters.read(transmission_ids) if transmission_ids else letters.find(wanted)
    for text in _table(found) if as_csv else _lines(services, found):
        click.echo(text, nl=not as_csv)


def _lines(services: Services, letters: Iterable[DeadLetter]) -> Iterator[str]:
    rest = iter(letters)
    while page := list(islice(rest, EXPORTED_AT_ONCE)):
        for letter, history in zip(page, services.dead_letters.histories(page), strict=True):
            yield written(document(letter, history))


def _table(letters: Iterable[DeadLetter]) -> Iterator[str]:
    yield csv_text(COLUMNS, ())
    for letter in letters:
        yield csv_text(COLUMNS, [_row(letter)], header=False)


def _row(letter: DeadLetter) -> dict[str, object]:
    told: dict[str, Any] = {name: getattr(letter, name, "") for name in COLUMNS}
    told |= {name: _time(told[name]) for name in TIMES}
    amount = f"{letter.cents / 100:.2f}" if letter.currency else ""
    return {**told, "amount": amount, "followers": len(letter.followers)}


def _time(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else ""

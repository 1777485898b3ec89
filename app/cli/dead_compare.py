"""`relay dead compare`: a dead letter beside one that went well; for app.cli.dead only."""

from collections.abc import Iterator

import click

from app.cli.dead_options import as_json, find_letter, written
from app.cli.listing import listing
from app.cli.store import open_services
from app.delivery.likeness import Likeness, beside_a_good_one

LONGEST_VALUE = 40


@click.command()
@click.argument("transmission_id", metavar="ID")
@click.argument("good_id", metavar="[GOOD_ID]", default="")
@as_json
def compare(transmission_id: str, good_id: str, as_json: bool) -> None:
    """Show in what a dead letter differs from the last of its kind that went well, or from GOOD_ID.

    The request that was refused is compared; where nothing was sent, the payloads, and of these only what one
    of them lacks. It shows personal data.
    """
    services = open_services()
    found = beside_a_good_one(services, find_letter(services, transmission_id), good_id)
    click.echo(written(found) if as_json else "\n".join(_lines(found)))


def _lines(found: Likeness) -> Iterator[str]:
    if not found.good_id:
        yield "nothing of its kind has been delivered yet"
        return
    yield f"beside {found.good_id}, which was delivered: {found.what}"
    if not found.differences:
        yield "no difference"
        return
    rows = [
        (("!" if one.in_kind else "", one.field, _short(one.here), _short(one.there)), "")
        for one in found.differences
    ]
    yield from listing(("", "field", "this one", "the good one"), rows)


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"

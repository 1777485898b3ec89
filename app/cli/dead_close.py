"""`relay dead discard` and `relay dead done`: a person's last word; for app.cli.dead only."""

import sys
import time

import click

from app.cli.dead_options import actor, as_json, assume_yes, confirm, filtered, find_letter, written
from app.cli.store import open_services
from app.delivery.done_by_hand import mark_done
from app.delivery.replays import make_plan, plan_of
from app.errors import SettingsError
from app.events import State
from app.services import Services
from app.store.letters import DeadLetter, Wanted

TRIES = 10


class RecordId(click.ParamType[str]):
    """An id as ONTRAPORT numbers its records."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id without leading zeros; '' when it is not told."""
        if not value:
            return ""
        if not value.isdigit() or not int(value):
            self.fail("ONTRAPORT's ids are whole numbers", param, ctx)
        return str(int(value))


@click.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@filtered
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept with the record.")
@actor
@assume_yes
@as_json
def discard(
    transmission_ids: tuple[str, ...], wanted: Wanted, reason: str, actor: str, yes: bool, as_json: bool
) -> None:
    """Give dead letters up for good. What they hold back goes on, and no later event brings them back.

    Of those that fit the filters the count and the money are told and asked for first.
    """
    services = open_services()
    if transmission_ids:
        plan = plan_of(services, transmission_ids)
    elif wanted == Wanted():
        raise click.UsageError("name the dead letters, or say which by a filter")
    else:
        plan = make_plan(services, wanted)
        confirm(plan, "Discard them for good?", yes=yes, quiet=as_json)
    letters = services.dead_letters
    closed = [one for one in plan.ids if letters.discard(one, actor=actor, reason=reason) == "closed"]
    missing = [one for one in transmission_ids or plan.ids if one not in closed]
    if as_json:
        click.echo(written({"discarded": closed, "not_dead": missing}))
    else:
        click.echo(f"discarded {len(closed)}")
        for one in missing:
            click.echo(f"{one} is not a dead letter", err=True)
    sys.exit(1 if missing else 0)


@click.command()
@click.argument("transmission_id", metavar="ID")
@click.option("--record-id", default="", type=RecordId(), help="What stands in ONTRAPORT: a sale's invoice.")
@click.option(
    "--contact-id", default="", type=RecordId(), help="The sale's contact, if the relay knows none."
)
@actor
@as_json
def done(transmission_id: str, record_id: str, contact_id: str, actor: str, as_json: bool) -> None:
    """Say that it was done in ONTRAPORT by hand: it is never sent again, and refunds find the sale."""
    services = open_services()
    letter = find_letter(services, transmission_id)
    answer = _done(services, letter, actor, record_id, contact_id)
    if answer == "busy":
        raise SettingsError("another order of this customer is being sent: say it again in a moment")
    if answer != "closed":
        raise SettingsError(f"{transmission_id} is not a dead letter any more ({answer or 'gone'})")
    told = {"id": transmission_id, "state": State.DONE_BY_HAND, "record_id": record_id, "actor": actor}
    click.echo(written(told) if as_json else f"{letter.subject}: {letter.kind} done by hand, by {actor}")


def _done(services: Services, letter: DeadLetter, actor: str, record_id: str, contact_id: str) -> str:
    for _ in range(TRIES):
        answer = mark_done(services, letter, actor=actor, record_id=record_id, contact_id=contact_id)
        if answer != "busy":
            break
        time.sleep(0.5)
    return answer

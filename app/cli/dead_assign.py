"""`relay dead assign`: who looks after a dead letter; for app.cli.dead only."""

import sys

import click

from app.cli.dead_options import actor, as_json, filtered, written
from app.cli.store import open_services
from app.delivery.replays import make_plan, plan_of
from app.store.letters import Wanted


@click.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@filtered
@click.option("--owner", metavar="NAME", help="Who looks after them, if not --actor; '' for nobody.")
@click.option("--note", default="", metavar="TEXT", help="What is known, or was asked of whom.")
@actor
@as_json
def assign(
    transmission_ids: tuple[str, ...], wanted: Wanted, owner: str | None, note: str, actor: str, as_json: bool
) -> None:
    """Say who looks after dead letters, and what is known of them. It holds back nothing and sends nothing.

    The name and the note stay with them when they are sent again; `relay dead show` tells who said what when.
    """
    services = open_services()
    if not transmission_ids and wanted == Wanted():
        raise click.UsageError("name the dead letters, or say which by a filter")
    plan = plan_of(services, transmission_ids) if transmission_ids else make_plan(services, wanted)
    letters, name = services.dead_letters, actor if owner is None else owner
    done = [one for one in plan.ids if letters.assign(one, actor=actor, owner=name, note=note)]
    missing = [one for one in transmission_ids or plan.ids if one not in done]
    if as_json:
        click.echo(written({"assigned": done, "owner": name, "not_dead": missing}))
    else:
        click.echo(f"assigned {len(done)} to {name or 'nobody'}")
        for one in missing:
            click.echo(f"{one} is not a dead letter", err=True)
    sys.exit(1 if missing else 0)

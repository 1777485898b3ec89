"""The `relay` command: one group, a module a command; nobody imports it."""

import json
import os
from typing import Any

import click

from app.cli.alerts import alerts
from app.cli.backfill import backfill
from app.cli.dead import dead
from app.cli.doctor import doctor
from app.cli.init import init
from app.cli.ledger import ledger
from app.cli.look_first import look_first
from app.cli.mapping import mapping
from app.cli.pixel import pixel
from app.cli.poll import poll
from app.cli.probe import probe
from app.cli.processes import beat, flower, items, web, worker
from app.cli.quarantine import quarantine
from app.cli.reconcile import reconcile
from app.cli.run import run
from app.cli.send import send
from app.cli.setup import setup
from app.cli.shadow import shadow
from app.cli.status import status
from app.cli.welcome import welcome
from app.errors import ModeMismatch, RelayError, SettingsError
from app.release import release_name
from app.settings import load_settings


class RelayGroup(click.Group):
    """Turns what the relay raises on purpose into one line and an exit code: 2 where settings must change.

    Whoever asked for JSON gets it: `{"error": …}`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember how the answer is wanted."""
        ctx.meta["as_json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RelayError as error:
            click.echo(f"relay: {error}", err=True)
            if ctx.meta["as_json"]:
                click.echo(json.dumps({"error": str(error)}))
            ctx.exit(2 if isinstance(error, SettingsError | ModeMismatch) else 1)


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"relay {_release()}")
        ctx.exit()


def _release() -> str:
    """Wrong settings are no reason not to tell the version."""
    try:
        return release_name(load_settings(os.environ).relay_release)
    except SettingsError:
        return release_name()


@click.group(cls=RelayGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show version and release.",
)
def main() -> None:
    """Brings every UltraCart sale to ONTRAPORT exactly once, in order, with proof."""


for command in (
    run,
    web,
    worker,
    items,
    beat,
    flower,
    send,
    poll,
    mapping,
    pixel,
    setup,
    doctor,
    welcome,
    probe,
    status,
    dead,
    alerts,
    quarantine,
    init,
    look_first,
    ledger,
    shadow,
    reconcile,
    backfill,
):
    main.add_command(command)

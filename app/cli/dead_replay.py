"""`relay dead replay`: dead letters again, named or by filter; for app.cli.dead only."""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from app.cli.dead_options import as_json, assume_yes, confirm, filtered, words_of, written
from app.cli.dead_rehearse import rehearse_letters
from app.cli.store import open_services
from app.delivery.replays import (
    CANARY,
    GOOD,
    PER_MINUTE,
    Plan,
    Progress,
    ReplayRun,
    Result,
    make_plan,
    plan_of,
)
from app.services import Services
from app.store.letters import Wanted

MOST_SHOWN = 20


@click.command()
@click.argument("transmission_ids", metavar="ID...", nargs=-1)
@filtered
@click.option("--all", "everything", is_flag=True, help="Every dead letter but those in doubt.")
@click.option(
    "--canary", default=CANARY, show_default=True, help="How many go first and must go well; 0: none."
)
@click.option("--rate", default=PER_MINUTE, show_default=True, help="How many a minute; 0: at once.")
@click.option(
    "--wait/--no-wait", default=None, help="Wait for their end (when filtered: yes; when named: no)."
)
@click.option("--actor", default="", metavar="NAME", help="Who decides: kept with the record.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent; asks ONTRAPORT, writes nothing.")
@assume_yes
@as_json
def replay(
    transmission_ids: tuple[str, ...],
    wanted: Wanted,
    everything: bool,
    canary: int,
    rate: float,
    wait: bool | None,
    actor: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send dead letters again, as the same transmissions: what was done already is not done twice.

    Named ones are sent at once. Of those that fit the filters the count is told and asked for; then a few
    go first, and the others only if these went well. Ctrl-C stops it between two letters.

    Ends with 0 when all that was sent went well.
    """
    services = open_services()
    if dry_run:
        ids = transmission_ids or make_plan(services, wanted).ids
        sys.exit(rehearse_letters(services, ids, as_json=as_json))
    if transmission_ids:
        plan = plan_of(services, transmission_ids)
        run = ReplayRun(services, plan.ids, canary=0, per_minute=0, actor=actor)
        again = "the same command"
    else:
        if not everything and wanted == Wanted():
            raise click.UsageError("name the dead letters, or say which by a filter, or --all")
        plan = make_plan(services, wanted)
        confirm(plan, "Send them again?", yes=yes, quiet=as_json)
        run = ReplayRun(
            services, plan.ids, canary=canary if wait is not False else 0, per_minute=rate, actor=actor
        )
        again = (
            f"relay dead replay {words_of(wanted)} --until {wanted.until or plan.made_at:%Y-%m-%dT%H:%M:%S}"
        )
    waiting = wait if wait is not None else not transmission_ids
    _drive(run, plan, again, waiting=waiting, bar=not as_json)
    missing = [one for one in transmission_ids if one not in plan.ids]
    sys.exit(_report(run, missing, waited=waiting, as_json=as_json, services=services))


def _drive(run: ReplayRun, plan: Plan, again: str, *, waiting: bool, bar: bool) -> None:
    """Takes the steps until the run is over, everything is sent and nobody waits, or Ctrl-C."""
    with _stoppable() as stop, _bar(bar and waiting) as show:
        for progress in run.steps():
            show(progress)
            if not waiting and progress.sent == progress.total:
                break
            stop.wait(progress.wait_seconds)
            if stop.is_set():
                run.stopped = f"stopped by you after {progress.sent} of {len(plan.ids)}; the rest: {again}"
                run.look()
                break


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Ctrl-C sets the event; a second one ends the program at once."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(shown: bool) -> Iterator["_Show"]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Bar(*columns, console=Console(stderr=True), disable=not shown) as bar:
        yield _Show(bar)


class _Show:
    """Draws the progress of a run."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("canary", total=None, told="")

    def __call__(self, progress: Progress) -> None:
        """The bar as far as it is."""
        told = _counted(_named(progress.endings) + Counter({"on the way": progress.waiting}))
        self._bar.update(
            self._task, total=progress.total, completed=progress.sent, description=progress.stage, told=told
        )


def _report(
    run: ReplayRun, missing: Sequence[str], *, waited: bool, as_json: bool, services: Services
) -> int:
    results = run.results()
    sent = [one for one in results if one.ending not in ("not sent", "not dead")]
    missing = [*missing, *(one.id for one in results if one.ending == "not dead")]
    if as_json:
        told: dict[str, object] = {"replayed": [one.id for one in sent], "not_dead": missing}
        if waited:
            told |= {"results": [asdict(one) for one in results], "stopped": run.stopped}
        click.echo(written(told))
    else:
        _tell(run, results if waited else [], len(sent), missing)
    bad = waited and any(one.ending not in GOOD for one in results)
    return 1 if missing or bad else 0


def _tell(run: ReplayRun, results: Sequence[Result], sent: int, missing: Sequence[str]) -> None:
    endings = _named(Counter(one.ending for one in results))
    click.echo(f"replayed {sent}{': ' if endings else ''}{_counted(endings)}")
    bad = [one for one in results if one.ending not in {*GOOD, "not sent"}]
    for one in bad[:MOST_SHOWN]:
        word = "dead again" if one.ending == "dead" else f"still {one.ending}"
        click.echo(f"  {one.id} {word}: {one.failure} {one.reason}".rstrip(": "))
    if len(bad) > MOST_SHOWN:
        click.echo(f"  and {len(bad) - MOST_SHOWN} more: relay dead groups")
    if any(one.ending in ("ready", "held", "running", "retrying") for one in results):
        click.echo("what is on its way goes on by itself; `relay status` tells what holds it")
    for one_id in missing:
        click.echo(f"{one_id} is not a dead letter", err=True)
    if run.stopped:
        click.echo(run.stopped)


def _named(endings: Mapping[str, int]) -> Counter[str]:
    return Counter({"dead again" if word == "dead" else word: number for word, number in endings.items()})


def _counted(endings: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(endings.items()) if number)

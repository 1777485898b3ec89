"""`make bench`: measures the relay and its peers here, writes build/bench.md and build/bench.json."""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from tests.bench import machine, report
from tests.bench.backlog import measure_backlog
from tests.bench.drain import measure_drain
from tests.bench.intake import Plan, measure_intake
from tests.bench.memory import measure_memory
from tests.bench.processes import ROOT, NotServing
from tests.bench.rate import measure_rate
from tests.bench.systems import Shape

PARTS = ("intake", "engine", "memory", "rate", "backlog")
LONGEST_SECONDS = 40 * 60
BUILD = ROOT / "build"


@click.command(help=__doc__)
@click.option(
    "--only", type=click.Choice(PARTS), multiple=True, help="Only this part; may be given several times."
)
@click.option("--quick", is_flag=True, help="Shorter rounds and smaller backlogs: noisy, for a look.")
@click.option(
    "--processes", type=int, multiple=True, help="Web processes of every receiver [default: 1 and 2]."
)
def main(only: tuple[str, ...], quick: bool, processes: tuple[int, ...]) -> None:
    """Run the parts one after the other; ends by itself, and with it everything that it started."""
    _end_cleanly()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD, ignore_cleanup_errors=True) as directory:
        work = Path(directory)
        facts = machine.describe(work)
        runs = _parts(work, quick, processes or ((1,) if quick else (1, 2)))
        parts = [_attempt(name, run) for name, run in runs.items() if name in (only or PARTS)]
    click.echo(report.write(BUILD, facts, parts))
    click.echo(f"Written: {BUILD / 'bench.md'} and {BUILD / 'bench.json'}", err=True)
    sys.exit(any(part.broken for part in parts))


def _parts(work: Path, quick: bool, processes: tuple[int, ...]) -> dict[str, Callable[[], report.Part]]:
    plan = Plan(rounds=3, seconds=0.7) if quick else Plan()
    shapes = [Shape(processes=count) for count in processes]
    backlogs, run_seconds = ((1_000, 10_000), 20.0) if quick else ((1_000, 100_000), 45.0)
    return {
        "intake": lambda: measure_intake(work, plan, shapes, _say),
        "engine": lambda: measure_drain(work, 300 if quick else 2_000, _say),
        "memory": lambda: measure_memory(work, 1_000 if quick else 5_000, backlogs, run_seconds, _say),
        "rate": lambda: measure_rate(work, _say),
        "backlog": lambda: measure_backlog(work, 5_000 if quick else 100_000, _say),
    }


def _attempt(name: str, run: Callable[[], report.Part]) -> report.Part:
    """A part that breaks is said in the report and leaves the others alone."""
    try:
        return run()
    except (NotServing, OSError, RuntimeError) as error:
        _say(f"{name}: broken off, {error}")
        return report.Part(broken=f"{name}: {type(error).__name__}, {error}")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _end_cleanly() -> None:
    """Signals and a run that takes too long end like an error: every child is stopped on the way out."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, leave)
    signal.alarm(LONGEST_SECONDS)


if __name__ == "__main__":
    main()

"""`make drill`: the relay under a hostile shop, sudden deaths and a failing CRM; nothing may be lost."""

import json
import sys
import time
from pathlib import Path
from secrets import randbelow

import click

from tests.drill.run import Drill
from tests.drill.verdict import Verdict

BUILD = Path(__file__).resolve().parents[2] / "build"
SHOWN = 20


@click.command(help=__doc__)
@click.option("--seed", type=int, help="Repeats the drill of that seed [default: a new one].")
@click.option("--events", type=click.IntRange(1), default=3000, show_default=True, help="How many events.")
@click.option(
    "--minutes", type=click.FloatRange(0.1), default=4, show_default=True,
    help="How long things go wrong; settling takes three minutes more.",
)  # fmt: skip
@click.option(
    "--pace", type=click.FloatRange(1), default=1, show_default=True,
    help="Shortens every duration of the relay's engine by that factor.",
)  # fmt: skip
def main(seed: int | None, events: int, minutes: float, pace: float) -> None:
    """Run one drill; ends with its figures as one JSON line, and with 1 if any but the delays is not 0."""
    seed = randbelow(1_000_000) if seed is None else seed
    begin = time.monotonic()
    say(f"seed {seed}: repeat it with make drill SEED={seed} EVENTS={events} MINUTES={minutes:g}")
    drill = Drill(
        seed, events, 60 * minutes, pace, lambda text: say(f"{time.monotonic() - begin:4.0f} s  {text}")
    )
    verdict = drill.run()
    figures = verdict.figures()
    show(verdict)
    if any(figures.values()):
        BUILD.mkdir(exist_ok=True)
        log = BUILD / f"drill-{seed}.log"
        log.write_text(drill.kept.get("log", ""))
        say(f"The relay's log: {log}")
    delays = {"median_delay_seconds": verdict.median(), "worst_delay_seconds": verdict.worst()}
    told = {"seed": seed, "events": events, "sales": len(verdict.delays), **drill.kept["done"]}
    click.echo(json.dumps({**told, **figures, **delays}))
    sys.exit(any(figures.values()))


def show(verdict: Verdict) -> None:
    """The figures for a person, and what is behind those that are not 0."""
    for name, number in verdict.figures().items():
        say(f"{name.replace('_', ' '):>16}  {number}")
        for words in verdict.found[name][:SHOWN]:
            say(f"{'':>18}{words}")
    say(f"{'delay of a sale':>16}  median {verdict.median()} s, worst {verdict.worst()} s")


def say(text: str) -> None:
    """A line for whoever watches; stdout ends with the JSON line alone."""
    click.echo(text)


if __name__ == "__main__":
    main()

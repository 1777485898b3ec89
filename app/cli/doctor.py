"""`relay doctor`: everything that must be right, a line each; for app.cli.main only."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from app.cli.checkup.check import Check, Verdict, wrong
from app.cli.checkup.ontraport import Latency, check_ontraport
from app.cli.checkup.relay import check_address, check_alerts, check_settings, check_workers
from app.cli.checkup.store import check_store
from app.cli.checkup.ultracart import check_ultracart
from app.cli.store import local_settings
from app.errors import InstanceMismatch, ModeMismatch, RelayError, SettingsError, StoreUnavailable
from app.services import build_services
from app.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def doctor(as_json: bool) -> None:
    """Check settings, Redis, keys, webhook, custom fields and mapping; say what is wrong and what to do.

    Ends with 0 when nothing is wrong, else with 1.
    """
    checks = []
    for check in examine():
        checks.append(check)
        if not as_json:
            click.echo(_line(check))
    bad = [check for check in checks if check.verdict is Verdict.WRONG]
    if as_json:
        click.echo(json.dumps({"ok": not bad, "checks": [asdict(check) for check in checks]}))
    sys.exit(1 if bad else 0)


def examine() -> Iterator[Check]:
    """Every check, in order; raises nothing that the relay itself knows."""
    try:
        settings = local_settings()
    except SettingsError as error:
        yield wrong("settings", str(error), "Correct the setting; .env.example explains each")
        return
    yield from check_settings(settings)
    yield check_address(settings)
    yield from check_alerts(settings)
    yield from _with_store(settings)


def _with_store(settings: Settings) -> Iterator[Check]:
    try:
        services = build_services(settings)
    except StoreUnavailable as error:
        yield wrong("Redis", str(error), "Start it, or correct REDIS_URL")
        return
    except ModeMismatch as error:
        yield wrong("mode of the store", str(error), "Until then nothing goes in or out")
        return
    except InstanceMismatch as error:
        yield wrong("instance mark", str(error), "See `relay init --help` before anything else")
        return
    yield from check_store(services)
    latency = Latency()
    try:
        for merchant in settings.merchants.values():
            yield from check_ontraport(services, merchant, latency)
            yield from check_ultracart(services, merchant)
    except RelayError as error:
        yield wrong("relay", str(error), "Correct this first, then run it again")
    yield check_workers(settings, latency.seconds)


def _line(check: Check) -> str:
    line = f"{check.verdict:5}  {check.about}: {check.text}"
    return f"{line}\n       -> {check.advice}" if check.advice else line

"""`relay welcome`: says where everything is once the receiver is ready, and posts samples in sandbox mode.

The supervisor starts it as a process of its own, since it waits; for app.cli.main only.
"""

import os
import sys
import time
from collections.abc import Callable

import click
import requests

from app.cli.delivery import local_session
from app.cli.samples_report import post_samples
from app.cli.supervisor.claims import LOOPBACK
from app.logs import configure_logs
from app.settings import Settings, load_settings
from app.ultracart.webhooks import PATH

READY_SECONDS = 120.0


@click.command(hidden=True)
def welcome() -> None:
    """Wait for the receiver, say what runs where, and post the samples in sandbox mode."""
    settings = load_settings(os.environ)
    if not _await(lambda: _is_ready(settings), READY_SECONDS):
        click.echo(
            f"The receiver is not ready after {READY_SECONDS:.0f} s; the reason is in the lines above."
        )
        sys.exit(1)
    click.echo(banner(settings))
    if settings.sandbox:
        configure_logs()
        click.echo(post_samples(settings))


def banner(settings: Settings) -> str:
    """What runs, where, and whether anything leaves the machine."""
    root = f"http://{LOOPBACK}"
    lines = [
        "",
        "=" * 78,
        "  ultracart-relay is up.",
        f"  Receiver   {root}:{settings.port}{PATH}",
        f"  Flower     {root}:{settings.flower_port}/",
        *(_sandbox_lines(root, settings) if settings.sandbox else _real_lines(settings)),
        "=" * 78,
    ]
    return "\n".join(lines)


def _sandbox_lines(root: str, settings: Settings) -> list[str]:
    return [
        f"  Sandbox    {root}:{settings.sandbox_port}/ledger",
        "",
        "  *** SANDBOX MODE: no ONTRAPORT keys are set. Nothing leaves this machine. ***",
        "  Sales go to a stand-in ONTRAPORT that forgets them when it ends.",
        "  Set ONTRAPORT_APP_ID and ONTRAPORT_API_KEY (see .env.example) for a real account.",
    ]


def _real_lines(settings: Settings) -> list[str]:
    targets = [f"  ONTRAPORT  {one.ontraport.base_url} for {one.id}" for one in settings.merchants.values()]
    silent = [one.id for one in settings.merchants.values() if not one.ultracart_key]
    polls = (
        [f"  Polling of UltraCart is off for {', '.join(silent)}: no ULTRACART_SIMPLE_KEY"] if silent else []
    )
    return targets + polls


def _is_ready(settings: Settings) -> bool:
    try:
        with local_session() as session:
            return session.get(f"http://{LOOPBACK}:{settings.port}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _await(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

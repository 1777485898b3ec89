"""`relay web|worker|items|beat|flower`: one process each, for other supervisors; for app.cli.main only.

Heroku and containers start these. They replace themselves by the command that the supervisor would run.
"""

import os
import sys
from ipaddress import ip_address

import click

from app.cli import commands
from app.cli.commands import Command
from app.cli.store import check_given_store
from app.errors import SettingsError
from app.settings import Settings, load_settings

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")


@click.command()
@_HOST
def web(host: str) -> None:
    """Run the receiver on PORT."""
    _become(_settings(), commands.web(host))


@click.command()
@click.option("--name", default="worker", show_default=True, help="Its name; one of its own per machine.")
def worker(name: str) -> None:
    """Run one worker process."""
    settings = _settings()
    _become(settings, commands.worker(settings, name))


@click.command()
def items() -> None:
    """Run the polling worker."""
    _become(_settings(), commands.items())


@click.command()
def beat() -> None:
    """Run the clock of the periodic tasks; never two of them."""
    settings = _settings()
    commands.prepare_beat(settings)
    _become(settings, commands.beat(settings))


@click.command()
@_HOST
@click.option("--port", type=int, help="Instead of FLOWER_PORT.")
def flower(host: str, port: int | None) -> None:
    """Run Flower; without CONSOLE_PASSWORD on the loopback address only."""
    settings = _settings()
    if not settings.console_password and not ip_address(host).is_loopback:
        click.echo("relay: CONSOLE_PASSWORD is not set: Flower answers on 127.0.0.1 only", err=True)
        host = "127.0.0.1"
    command = commands.flower(host, port or settings.flower_port)
    _become(settings, command, commands.flower_environ(settings))


def _settings() -> Settings:
    """Settings for real work: neither an embedded store nor the sandbox runs beside a single process.

    Raises SettingsError, ModeMismatch.
    """
    settings = load_settings(os.environ)
    if settings.sandbox:
        raise SettingsError(
            "ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing: the sandbox is part of `relay run` alone"
        )
    if not settings.redis_url:
        raise SettingsError("REDIS_URL is missing: the embedded store is part of `relay run` alone")
    check_given_store(settings)
    return settings


def _become(settings: Settings, command: Command, environ: dict[str, str] | None = None) -> None:
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, "REDIS_URL": settings.redis_url, **(environ or {})})  # noqa: S606 - our own command

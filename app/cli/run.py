"""`relay run`: everything on this machine under one supervisor; for app.cli.main only."""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from app.cli import commands
from app.cli.store import check_given_store
from app.cli.supervisor import valkey
from app.cli.supervisor.claims import LOOPBACK, check_ports, own_directory
from app.cli.supervisor.loop import Supervisor
from app.cli.supervisor.output import Console
from app.cli.supervisor.process import ProcessSpec, Stage
from app.errors import StoreUnavailable
from app.services import check_mode, drop_sandbox
from app.settings import Settings, load_settings

DROPPED = (
    "what was tried in the sandbox is dropped: the store begins anew for the real ONTRAPORT account, "
    "which is live from now on"
)


@click.command()
def run() -> None:
    """Run store, receiver, workers, beat, Flower (and the sandbox without keys) until Ctrl-C."""
    settings = load_settings(os.environ)
    with own_directory(settings.data_dir) as run_dir:
        check_ports(ports(settings))
        check_given_store(settings)
        specs = plan(settings, run_dir)
        width = max(len(spec.name) for spec in specs)
        try:
            code = Supervisor(specs, run_dir, Console(width)).run()
        finally:
            (run_dir / "redis.url").unlink(missing_ok=True)
    sys.exit(code)


def ports(settings: Settings) -> dict[str, int]:
    """The ports that this relay listens on, by variable."""
    always = {"PORT": settings.port, "FLOWER_PORT": settings.flower_port}
    return {**always, "SANDBOX_PORT": settings.sandbox_port} if settings.sandbox else always


def plan(settings: Settings, run_dir: Path) -> list[ProcessSpec]:
    """All processes in the order of their start; writes the store's address and the directories they need."""
    specs = []
    url = settings.redis_url
    if not url:
        store, spec = valkey.prepare(settings)
        url = store.url
        specs.append(replace(spec, ready=partial(_is_ours, store, replace(settings, redis_url=url))))
    _write_url(run_dir / "redis.url", url)
    commands.prepare_beat(settings)
    # Children need not know that their store is embedded, nor where the supervisor was started.
    shared = {"REDIS_URL": url, "RELAY_DATA_DIR": str(settings.data_dir.resolve()), "PYTHONUNBUFFERED": "1"}
    return specs + [
        replace(spec, environ={**shared, **spec.environ})
        for spec in _own_processes(replace(settings, redis_url=url))
    ]


def _is_ours(store: valkey.EmbeddedStore, settings: Settings) -> bool:
    """Whether the embedded store can be used now; what the sandbox left there goes before a real account's.

    Raises ModeMismatch where it is a real account's and the keys are missing.
    """
    try:
        if not store.answers():
            return False
        if drop_sandbox(settings):
            click.echo(f"relay: {DROPPED}")
        check_mode(settings)
    except StoreUnavailable:
        return False
    return True


def _own_processes(settings: Settings) -> list[ProcessSpec]:
    workers = [f"worker-{number}" for number in range(1, settings.worker_processes + 1)]
    webs = ["web", *(f"web-{number}" for number in range(2, settings.web_processes + 1))]
    stand_in = (
        [ProcessSpec("sandbox", commands.sandbox(settings), Stage.STAND_IN)] if settings.sandbox else []
    )
    return [
        *stand_in,
        *(_web(name) for name in webs),
        *(ProcessSpec(name, commands.worker(settings, name)) for name in workers),
        ProcessSpec("items", commands.items()),
        ProcessSpec("beat", commands.beat(settings)),
        ProcessSpec(
            "flower",
            commands.flower(LOOPBACK, settings.flower_port),
            environ=commands.flower_environ(settings),
        ),
        ProcessSpec("welcome", commands.welcome(), once=True),
    ]


def _web(name: str) -> ProcessSpec:
    """A receiver of one process; several share the port (SO_REUSEPORT), and each is restarted alone."""
    return ProcessSpec(name, commands.web(LOOPBACK), environ={"WEB_PROCESSES": "1"}, own_pid_file=True)


def _write_url(file: Path, url: str) -> None:
    """It may hold a password: readable by its owner alone."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"{url}\n")

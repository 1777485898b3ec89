"""`relay probe`: whether one process of this machine works, for healthchecks; for app.cli.main only."""

import os
import re
import socket
import sys

import click
import requests
from kombu.exceptions import OperationalError

from app.cli.delivery import local_session
from app.cli.store import local_settings
from app.cli.supervisor.claims import LOOPBACK
from app.errors import SettingsError
from app.queue import make_celery
from app.settings import Settings, load_settings

PROCESSES = re.compile(r"web|flower|items|worker(-\d+)?")
_HTTP_SECONDS = 4
_PING_SECONDS = 5


@click.command(hidden=True)
@click.argument("process")
def probe(process: str) -> None:
    """End with 0 when PROCESS of this machine answers, else with 1: web, worker, worker-1 …, items or flower.

    `worker` are all workers that `relay run` has started, or the one that `relay worker` has.
    """
    if not PROCESSES.fullmatch(process):
        raise SettingsError(f"there is no process {process}: web, worker, worker-1 …, items and flower are")
    if not _answers(process):
        click.echo(f"relay: {process} does not answer on this machine", err=True)
        sys.exit(1)


def _answers(process: str) -> bool:
    if process == "web":
        return _gets_200(f"http://{LOOPBACK}:{load_settings(os.environ).port}/readyz")
    if process == "flower":
        return _gets_200(f"http://{LOOPBACK}:{load_settings(os.environ).flower_port}/healthcheck")
    return _answer_pings(local_settings(), process)


def _answer_pings(settings: Settings, process: str) -> bool:
    """Whether each of them answers, on whatever store the relay runs."""
    run_dir = settings.data_dir / "run"
    started = sorted(file.stem for file in run_dir.glob("worker-*.pid")) if process == "worker" else []
    names = {f"{name}@{socket.gethostname()}" for name in started or [process]}
    app = make_celery(settings.redis_url, tls_verify=settings.redis_tls_verify)
    try:
        answers = app.control.ping(destination=sorted(names), timeout=_PING_SECONDS) or []
    except (OperationalError, OSError):
        return False
    return names <= {name for answer in answers for name in answer}


def _gets_200(url: str) -> bool:
    try:
        with local_session() as session:
            return session.get(url, timeout=_HTTP_SECONDS).status_code == 200
    except requests.RequestException:
        return False

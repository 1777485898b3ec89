"""`relay probe`: whether one process of this container works, for its healthcheck; for app.cli.main only."""

import os
import socket
import sys

import click
import requests

from app.cli.delivery import local_session
from app.cli.supervisor.claims import LOOPBACK
from app.queue import make_celery
from app.settings import Settings, load_settings

PROCESSES = ("web", "worker", "items", "flower")
_HTTP_SECONDS = 4
_PING_SECONDS = 5


@click.command(hidden=True)
@click.argument("process", type=click.Choice(PROCESSES))
def probe(process: str) -> None:
    """End with 0 when PROCESS of this machine answers, else with 1."""
    settings = load_settings(os.environ)
    sys.exit(0 if _answers(process, settings) else 1)


def _answers(process: str, settings: Settings) -> bool:
    if process == "web":
        return _gets_200(f"http://{LOOPBACK}:{settings.port}/readyz")
    if process == "flower":
        return _gets_200(f"http://{LOOPBACK}:{settings.flower_port}/healthcheck")
    app = make_celery(settings.redis_url, tls_verify=settings.redis_tls_verify)
    name = f"{process}@{socket.gethostname()}"
    return bool(app.control.ping(destination=[name], timeout=_PING_SECONDS))


def _gets_200(url: str) -> bool:
    try:
        with local_session() as session:
            return session.get(url, timeout=_HTTP_SECONDS).status_code == 200
    except requests.RequestException:
        return False

"""The receivers under test: how each starts, and how its stored events are counted; for tests.bench only."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.bench.processes import BIN, ROOT, Children, free_port
from tests.bench.valkey import NO_REWRITES, start_valkey

USERNAME, PASSWORD = "bench", "bench-password"
BULLMQ = Path(__file__).parent / "peers" / "bullmq"


class Unavailable(Exception):
    """This system cannot run on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Processes of every receiver, and threads in each under gunicorn.

    The relay keeps its own number of threads, Node has one. More threads make the gunicorn peers no faster.
    """

    processes: int = 1
    threads: int = 4


@dataclass(frozen=True, slots=True)
class System:
    """One receiver: its letter in the tables, what it is, its command, how many events wait in its store."""

    letter: str
    title: str
    command: Callable[[int, Shape], list[str]]
    waiting: Callable[[Redis], int]
    cwd: Path = ROOT
    prepare: Callable[[Path], Path] | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A receiver that listens."""

    system: System
    port: int
    redis_url: str

    def stored(self) -> int:
        """How many events wait in its store."""
        with Redis.from_url(self.redis_url) as client:
            return self.system.waiting(client)


def relay_environment(redis_url: str, data: Path, ontraport_url: str) -> dict[str, str]:
    """The settings of a relay with made-up keys that delivers to `ontraport_url`."""
    return {
        "REDIS_URL": redis_url,
        "RELAY_DATA_DIR": str(data),
        "ULTRACART_MERCHANT_ID": "DEMO",
        "WEBHOOK_USERNAME": USERNAME,
        "WEBHOOK_PASSWORD": PASSWORD,
        "ONTRAPORT_APP_ID": "sandbox",
        "ONTRAPORT_API_KEY": "sandbox",
        "ONTRAPORT_BASE_URL": ontraport_url,
        "LIVE_SINCE": "2020-01-01T00:00:00+00:00",
    }


def start_system(children: Children, system: System, shape: Shape, work: Path) -> Running:
    """Start the system on a fresh Valkey; raises Unavailable."""
    cwd = system.prepare(work) if system.prepare else system.cwd
    redis_url = start_valkey(children, system.letter, work / f"valkey-{system.letter}", NO_REWRITES)
    port, data = free_port(), work / f"data-{system.letter}"
    data.mkdir()
    env = relay_environment(redis_url, data, "http://127.0.0.1:9/ontraport/1")
    env |= {"PORT": str(port), "PROCESSES": str(shape.processes), "WEB_PROCESSES": str(shape.processes)}
    child = children.start(f"web-{system.letter}", system.command(port, shape), env, cwd)
    children.await_port(port, child)
    return Running(system, port, redis_url)


def relay_web_command(_port: int, _shape: Shape) -> list[str]:
    """The relay's receiver as it is run; port and processes are in its environment."""
    return [sys.executable, "-m", "app.cli", "web"]


def _node(_port: int, _shape: Shape) -> list[str]:
    return ["node", "server.js"]


def _gunicorn(peer: str) -> Callable[[int, Shape], list[str]]:
    def command(port: int, shape: Shape) -> list[str]:
        return [
            *(str(BIN / "gunicorn"), "--worker-class", "gthread", "--bind", f"127.0.0.1:{port}"),
            *("--workers", str(shape.processes), "--threads", str(shape.threads)),
            *("--log-level", "warning", f"tests.bench.peers.{peer}:app"),
        ]

    return command


def _install_bullmq(work: Path) -> Path:
    """Copy the Node peer out of the sources and install its packages there, once a run."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise Unavailable("node and npm are not installed here")
    target = work.parent / "bullmq"
    if (target / "node_modules").exists():
        return target
    shutil.copytree(BULLMQ, target)
    options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        subprocess.run([npm, "install", *options], cwd=target, check=True, capture_output=True, timeout=180)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"npm install failed: {type(error).__name__}") from error
    return target


def _list(key: str) -> Callable[[Redis], int]:
    return lambda client: int(client.llen(key))


def _relay_backlog(client: Redis) -> int:
    return sum(int(client.zcard(f"{part}:ontraport:DEMO:sale")) for part in ("ready", "handed"))


SYSTEMS = (
    System("a", "ultracart-relay", relay_web_command, _relay_backlog),
    System("b", "gunicorn + Flask + apply_async", _gunicorn("plain_celery"), _list("celery")),
    System("c", "gunicorn + Flask + RQ", _gunicorn("flask_rq"), _list("rq:queue:sale")),
    System("d", "Fastify + BullMQ", _node, _list("bull:sale:wait"), prepare=_install_bullmq),
)

"""The command line of each process, in one place for the supervisor, the Procfile and the containers.

For app.cli only. Interpreter and packages are those that run now.
"""

import sys
from pathlib import Path

from app.queue import POLLING_QUEUE, PROBE_QUEUE, WORKER_QUEUES
from app.settings import Settings

Command = tuple[str, ...]


def web(host: str) -> Command:
    """The receiver, on PORT of `host`."""
    return _module("app.cli.web_process", "--host", host)


def worker(settings: Settings, name: str) -> Command:
    """One worker process for everything that goes to a CRM; `name` must be its own on this machine."""
    return _worker(name, ",".join((*WORKER_QUEUES, PROBE_QUEUE)), settings.worker_threads)


def items() -> Command:
    """The polling worker; one at a time, since UltraCart allows no calls side by side."""
    return _worker("items", POLLING_QUEUE, 1)


def beat(settings: Settings) -> Command:
    """The clock of the periodic tasks; exactly one may run."""
    schedule = settings.data_dir.resolve() / "beat" / "schedule"
    return _celery("beat", "--schedule", str(schedule), "--pidfile=", "--loglevel", "WARNING")


def flower(host: str, port: int) -> Command:
    """Flower, for looking only: the control of workers belongs to the supervisor."""
    return _celery(
        "flower",
        f"--address={host}",
        f"--port={port}",
        "--read_only=True",
        "--max_tasks=10000",
        "--logging=error",
    )


def sandbox(settings: Settings) -> Command:
    """The stand-in ONTRAPORT and UltraCart."""
    return _module("app.sandbox", "--port", str(settings.sandbox_port))


def welcome() -> Command:
    """What tells where everything is once it answers, and posts samples in sandbox mode."""
    return _module("app.cli", "welcome")


def prepare_beat(settings: Settings) -> None:
    """Make the directory of beat's schedule."""
    Path(settings.data_dir / "beat").mkdir(parents=True, exist_ok=True)


def flower_environ(settings: Settings) -> dict[str, str]:
    """Flower's password goes through the environment: a command line can be read by everybody.

    Without one it listens on the loopback address only, and its API (read-only, too) is open there.
    """
    password = settings.console_password.reveal()
    if password:
        return {"FLOWER_BASIC_AUTH": f"relay:{password}"}
    return {"FLOWER_UNAUTHENTICATED_API": "true"}


def _worker(name: str, queues: str, threads: int) -> Command:
    # Threads: https://docs.celeryq.dev/en/stable/userguide/concurrency/ ; gossip and mingle only cost here.
    pool = ("--pool", "threads", "--concurrency", str(threads))
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    return _celery("worker", "--hostname", f"{name}@%h", "--queues", queues, *pool, *quiet)


def _celery(*arguments: str) -> Command:
    return _module("celery", "--quiet", "--app", "workers.celery_app", *arguments)


def _module(name: str, *arguments: str) -> Command:
    return (sys.executable, "-m", name, *arguments)

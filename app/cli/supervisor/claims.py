"""What a relay must have for itself: its data directory and its ports; for app.cli only.

Each refusal is a SettingsError that names the variable to change.
"""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.errors import SettingsError

LOOPBACK = "127.0.0.1"
_LEFTOVER_SECONDS = 5.0


@contextmanager
def own_directory(data_dir: Path) -> Iterator[Path]:
    """Hold the data directory while the block runs; gives its `run` directory, emptied of old pid files."""
    run_dir = data_dir / "run"
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data_dir / "lock").open("a")
    except OSError as error:
        raise SettingsError(f"RELAY_DATA_DIR={data_dir} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"RELAY_DATA_DIR={data_dir} is in use by another relay; set another one"
            ) from error
        _await_leftovers(run_dir, data_dir)
        yield run_dir


def _await_leftovers(run_dir: Path, data_dir: Path) -> None:
    """A killed supervisor's children end with it, but a moment later: two stores must not share a file."""
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    for file in [*run_dir.glob("*.pid"), run_dir / "redis.url"]:
        while file.name == "valkey.pid" and _runs(file, "valkey-server"):
            if time.monotonic() > deadline:
                pid = file.read_text().strip()
                raise SettingsError(
                    f"RELAY_DATA_DIR={data_dir} is in use by an earlier valkey-server, pid {pid}"
                )
            time.sleep(0.05)
        file.unlink(missing_ok=True)


def _runs(pid_file: Path, program: str) -> bool:
    """Whether the process of the pid file is alive and is that program; without /proc any process counts."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
        return program in Path(f"/proc/{pid}/cmdline").read_text() if Path("/proc/self").exists() else True
    except (ValueError, OSError):
        return False


def check_ports(ports: Mapping[str, int], patience: float = 1.0) -> None:
    """Raise SettingsError for the first port that is taken, by its variable's name.

    It waits `patience` seconds for one that is just being given back.
    """
    deadline = time.monotonic() + patience
    for name, port in ports.items():
        while not is_free(port):
            if time.monotonic() > deadline:
                raise SettingsError(f"{name}={port} is taken on {LOOPBACK}: set {name} to a free port")
            time.sleep(0.05)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback address."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free. A listener is found even if it shares its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True


def remembered_port(file: Path, taken: Callable[[int], bool]) -> int:
    """The port kept in `file`, or a fresh one when there is none or somebody else has it by now."""
    kept = int(file.read_text()) if file.exists() else 0
    if kept and not taken(kept) and is_free(kept):
        return kept
    while taken(fresh := _any_free_port()):
        continue
    file.write_text(f"{fresh}\n")
    return fresh


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port

"""Children of the bench: started in groups of their own, and gone on any exit; for tests.bench only."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PR_SET_PDEATHSIG = 1
START_SECONDS = 30.0


class NotServing(Exception):
    """A child does not do its work; the message ends with the last line that it wrote."""


class Children:
    """Every process that the bench has started; a context manager that ends them all."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[subprocess.Popen[bytes]] = []
        self._log_of: dict[int, Path] = {}
        atexit.register(self.stop)

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path = ROOT
    ) -> subprocess.Popen[bytes]:
        """Start a command with only PATH and HOME of our environment; its output goes to `<name>.log`."""
        inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        path = self._logs / f"{name}.log"
        with path.open("ab") as log:
            child = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**inherited, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._running.append(child)
        self._log_of[child.pid] = path
        return child

    def await_port(self, port: int, child: subprocess.Popen[bytes], seconds: float = START_SECONDS) -> None:
        """Return when something listens on the port; NotServing if the child ends or stays deaf."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise NotServing(f"it did not listen: {self._last_words(child)}")

    def check(self, children: Sequence[subprocess.Popen[bytes]]) -> None:
        """NotServing when one of them has ended."""
        for child in children:
            if child.poll() is not None:
                raise NotServing(f"it ended with {child.returncode}: {self._last_words(child)}")

    def _last_words(self, child: subprocess.Popen[bytes]) -> str:
        said = self._log_of[child.pid].read_text(errors="replace").strip() or "it said nothing"
        return said.splitlines()[-1][:300]

    def end(self, child: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
        """SIGTERM to the child's group, SIGKILL to what is left of it after `seconds`."""
        if child in self._running:
            self._running.remove(child)
        _signal_group(child, signal.SIGTERM)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        _signal_group(child, signal.SIGKILL)
        child.wait()

    def stop(self) -> None:
        """End all, the youngest first."""
        while self._running:
            self.end(self._running[-1])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def own_kib(pid: int) -> int:
    """Memory of their own that a process and its descendants hold, in KiB (Linux).

    Not what is resident: a kernel may swap cold pages out or drop those of files, and a worker would seem to
    shrink.
    """
    own = _status_field(pid, "RssAnon:") + _status_field(pid, "VmSwap:")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(own_kib(int(child)) for child in children)


def _status_field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

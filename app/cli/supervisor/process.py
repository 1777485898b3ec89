"""One supervised process: starting it, reading its output, its pid file, ending it; for app.cli only."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from app.cli.supervisor.parent import ends_with

_LONGEST_LINE = 64 * 1024


class Stage(IntEnum):
    """When a process is ended: receivers and workers first, what they talk to last."""

    WORK = 0
    STAND_IN = 1
    STORE = 2


# Seconds from SIGTERM to SIGKILL; together below the 30 s in which everything has to be over. A worker that
# finishes its calls ends by itself after 24 s (workers.dispatcher): one that is killed counts as dead.
GRACE_SECONDS: Mapping[Stage, float] = {Stage.WORK: 25, Stage.STAND_IN: 1.5, Stage.STORE: 3}


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run. `environ` is added to the supervisor's own.

    `ready` is awaited before the next process starts. `own_pid_file`: the process that does the work is a
    child of the command, and writes RELAY_PID_FILE itself. `once`: it ends by itself and stays ended; its
    output is shown without a name.
    """

    name: str
    command: tuple[str, ...]
    stage: Stage = Stage.WORK
    environ: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    own_pid_file: bool = False
    once: bool = False


class Process:
    """The running instance of a spec; a group of its own, so that Ctrl-C reaches the supervisor alone."""

    def __init__(self, spec: ProcessSpec, run_dir: Path) -> None:
        self.spec = spec
        self.pid_file = run_dir / f"{spec.name}.pid"
        self._rest = b""
        environ = {**os.environ, **spec.environ}
        if spec.own_pid_file:
            environ["RELAY_PID_FILE"] = str(self.pid_file)
        # The supervisor has one thread, so preexec_fn is safe.
        self._popen = subprocess.Popen(  # noqa: S603 - the command is our own
            spec.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env=environ,
            start_new_session=True,
            preexec_fn=ends_with(os.getpid()),
        )
        os.set_blocking(self.fileno(), False)
        if not spec.own_pid_file and not spec.once:
            write_pid(self.pid_file, self.pid)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._popen.pid

    def fileno(self) -> int:
        """Its output, for a selector; not blocking."""
        assert self._popen.stdout is not None  # noqa: S101 - we asked for a pipe
        return self._popen.stdout.fileno()

    def lines(self) -> list[str] | None:
        """The complete lines written since the last call; None at the end of the output."""
        try:
            data = os.read(self.fileno(), 64 * 1024)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            whole, self._rest = [*whole, self._rest], b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole]

    def ended(self) -> bool:
        """Whether the started process is over."""
        return self._popen.poll() is not None

    def ending(self) -> str:
        """How it ended, in words."""
        code = self._popen.returncode
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def terminate(self) -> None:
        """Ask the started process to end; it tells its own children."""
        if not self.ended():
            self._popen.send_signal(signal.SIGTERM)

    def dispose(self) -> list[str]:
        """Kill what is left of the group, and return the rest of the output. Idempotent."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        lines = []
        while (more := self.lines()) is not None and more:
            lines += more
        assert self._popen.stdout is not None  # noqa: S101 - we asked for a pipe
        self._popen.stdout.close()
        self.pid_file.unlink(missing_ok=True)
        return lines + ([self._rest.decode("utf-8", "replace")] if self._rest else [])


def write_pid(file: Path, pid: int) -> None:
    """Write a pid file so that a reader never sees half of it."""
    draft = file.with_name(f"{file.name}.{pid}")
    draft.write_text(f"{pid}\n")
    draft.replace(file)

"""The supervisor: starts processes in order, shows their logs, restarts what dies, ends all in order.

For app.cli only. One thread on purpose: children are forked from it. Work that may block, like waiting for
the receiver, is a process of its own.
"""

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from app.cli.supervisor.output import Console
from app.cli.supervisor.process import GRACE_SECONDS, Process, ProcessSpec, Stage

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# What ran this long and dies is started again at once; what dies at its start waits longer each time.
SETTLED_SECONDS = 10.0
RESTART_DELAYS = (0.0, 0.5, 1.0, 2.0)
# A process that others wait for, and that dies this often before it is ready, will not come up.
HOPELESS_STARTS = 5
TICK_SECONDS = 0.25


class Slot:
    """The place of one spec: its process of now, or the time of its next start."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.process: Process | None = None
        self.due: float | None = None
        self.started = 0.0
        self.failures = 0

    def next_start(self, now: float) -> float:
        """When to start again after an end at `now`."""
        if now - self.started >= SETTLED_SECONDS:
            self.failures = 0
        delay = RESTART_DELAYS[min(self.failures, len(RESTART_DELAYS) - 1)]
        self.failures += 1
        return now + delay


class Supervisor:
    """Runs `specs` until a signal asks it to stop. Needs the main thread."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        run_dir: Path,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = [Slot(spec) for spec in specs]
        self._run_dir = run_dir
        self._console = console
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._stop = False

    def run(self) -> int:
        """Start everything and watch over it; the exit code: 0 after a signal, 1 if it could not start."""
        with self._wakened_by_signals():
            try:
                started = self._start_all()
                while started and not self._stop:
                    self._turn(TICK_SECONDS)
            finally:
                self._stop_all()
        return 0 if started else 1

    def _start_all(self) -> bool:
        for slot in self._slots:
            if self._stop:
                break
            self._start(slot)
            if slot.spec.ready and not self._await_ready(slot, slot.spec.ready):
                return False
        return True

    def _await_ready(self, slot: Slot, ready: Callable[[], bool]) -> bool:
        while not self._stop and not ready():
            if slot.failures >= HOPELESS_STARTS:
                self._say(f"{slot.spec.name} does not come up; its last words are above")
                return False
            self._turn(0.05)
        return True

    def _start(self, slot: Slot) -> None:
        slot.due, slot.started = None, self._clock()
        try:
            slot.process = Process(slot.spec, self._run_dir)
        except OSError as error:
            # No memory or no process slot just now.
            slot.due = slot.next_start(slot.started)
            self._say(f"{slot.spec.name} cannot be started: {error}; trying again")
            return
        self._selector.register(slot.process, selectors.EVENT_READ, slot)

    def _turn(self, timeout: float) -> None:
        """Show what was written, bury what ended, start what is due; waits `timeout` seconds at most."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                os.read(key.fd, 4096)
            else:
                self._show(key.data)
        for slot in self._slots:
            if slot.process and slot.process.ended():
                self._ended(slot, slot.process)
            if slot.due is not None and slot.due <= self._clock() and not self._stop:
                self._start(slot)

    def _show(self, slot: Slot) -> None:
        lines = slot.process.lines() if slot.process else None
        if lines is None and slot.process:
            # It closed its output, or is ending; its end is noticed by its exit.
            self._selector.unregister(slot.process)
        self._echo(slot, lines or [])

    def _echo(self, slot: Slot, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.line("" if slot.spec.once else slot.spec.name, line)

    def _ended(self, slot: Slot, process: Process) -> None:
        self._dispose(slot, process)
        if self._stop or slot.spec.once:
            return
        slot.due = slot.next_start(self._clock())
        self._say(f"{slot.spec.name} (pid {process.pid}) {process.ending()}; starting it again")

    def _dispose(self, slot: Slot, process: Process) -> None:
        slot.process = None
        with suppress(KeyError):
            self._selector.unregister(process)
        self._echo(slot, process.dispose())

    def _stop_all(self) -> None:
        self._stop = True
        self._say("stopping")
        for stage in Stage:
            self._stop_stage([slot for slot in self._slots if slot.spec.stage is stage], GRACE_SECONDS[stage])
        self._say("stopped")

    def _stop_stage(self, slots: Sequence[Slot], grace: float) -> None:
        for slot in slots:
            if slot.process:
                slot.process.terminate()
        deadline = self._clock() + grace
        while any(slot.process for slot in slots) and self._clock() < deadline:
            self._turn(0.05)
        for slot in slots:
            if slot.process:
                self._say(f"{slot.spec.name} did not end within {grace:g} s; killing it")
                self._dispose(slot, slot.process)

    def _say(self, text: str) -> None:
        self._console.line("relay", text)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    @contextmanager
    def _wakened_by_signals(self) -> Iterator[None]:
        """Let a signal end the select at once: a stop, or the death of a child."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._on_stop) for number in STOP_SIGNALS}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            self._selector.close()
            os.close(reader)
            os.close(writer)

"""How a web process learns that its end is near; for app.web only.

The server's main process gets SIGTERM from the operator. It tells its workers with SIGUSR1 first (`/readyz`
refuses, deliveries are still taken) and with SIGTERM a moment later (requests in flight are finished, nothing
new is let in). A worker whose main process was killed would go on serving for ever beside its successor,
since the port is shared; it stops itself.
"""

import multiprocessing
import os
import select
import signal
import threading
from types import FrameType

import structlog

ANNOUNCEMENT = signal.SIGUSR1
ENDINGS = frozenset({signal.SIGTERM, signal.SIGINT})
CHECK_SECONDS = 0.5

log = structlog.get_logger()


class Lifetime:
    """One process's knowledge of its end."""

    def __init__(self) -> None:
        self._stopping = False

    def stopping(self) -> bool:
        """True once the end has been announced."""
        return self._stopping

    def watch(self) -> None:
        """Listen for the end, and for the death of the main process; call it in the main thread.

        A thread reads the numbers of the signals from a pipe, since Python's own handlers run in the main
        thread only, and that may sleep on: of two signals at once another thread can take both.
        """
        signal.signal(ANNOUNCEMENT, _arrived)
        numbers, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        parent = os.getppid() if multiprocessing.parent_process() else None
        threading.Thread(target=self._listen, args=(numbers, parent), name="lifetime", daemon=True).start()

    def _listen(self, numbers: int, parent: int | None) -> None:
        ending = False
        while parent in (None, os.getppid()):
            readable, _, _ = select.select([numbers], [], [], CHECK_SECONDS)
            arrived = set(os.read(numbers, 64)) if readable else set()
            ending = ending or bool(arrived & ENDINGS)
            self._stopping = self._stopping or ending or ANNOUNCEMENT in arrived
            if ending:
                _wake_main_thread()
                threading.Event().wait(CHECK_SECONDS)
        log.warning("receiver.orphaned")
        self._stopping = True
        os.kill(os.getpid(), signal.SIGTERM)


def _arrived(_number: int, _frame: FrameType | None) -> None:
    """Its number in the pipe is all that counts."""


def _wake_main_thread() -> None:
    """A signal for this one thread ends its sleep, and the handlers that wait for it run."""
    main_thread = threading.main_thread().ident
    if main_thread is not None:
        signal.pthread_kill(main_thread, ANNOUNCEMENT)

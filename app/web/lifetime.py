"""How a web process learns that its end is near; for app.web only.

The server's main process gets SIGTERM from the operator. It tells its workers with SIGUSR1 first (`/readyz`
refuses, deliveries are still taken) and with SIGTERM a moment later (requests in flight are finished, nothing
new is let in). A worker whose main process was killed would go on serving for ever beside its successor,
since the port is shared; it stops itself.
"""

import multiprocessing
import os
import signal
import threading
import time
from types import FrameType

import structlog

ANNOUNCEMENT = signal.SIGUSR1
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
        """Listen for the end, and for the death of the main process; call it in the main thread."""
        signal.signal(ANNOUNCEMENT, self._announced)
        if multiprocessing.parent_process():
            threading.Thread(target=self._outlive, args=(os.getppid(),), name="lifetime", daemon=True).start()

    def _announced(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _outlive(self, parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(CHECK_SECONDS)
        log.warning("receiver.orphaned")
        self._stopping = True
        os.kill(os.getpid(), signal.SIGTERM)

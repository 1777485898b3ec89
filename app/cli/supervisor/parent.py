"""A process that ends with its parent, however the parent ends; for app.cli only."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: nothing may be imported between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def ends_with(parent: int) -> Callable[[], None]:
    """What a child of the process `parent` calls first: SIGKILL it when that process ends.

    The request outlives exec, but not fork. https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    Linux only; elsewhere it does nothing, and what is left over must be ended by hand.
    """

    def request() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            # It ended between our fork and the request.
            os.kill(os.getpid(), signal.SIGKILL)

    return request

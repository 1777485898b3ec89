"""What a caller hands to every call of a vendor's client; importable by whoever makes such calls."""

import time
from typing import Protocol

from app.events import Exchange


def boot_seconds() -> float:
    """Seconds on the clock of all deadlines: it runs on while the machine or the process sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class CallContext(Protocol):
    """The attempt on whose behalf a call is made. Used by the thread that makes the call only."""

    @property
    def deadline(self) -> float:
        """Absolute end of the call in `boot_seconds`; the client may end it earlier, never later."""

    def check(self) -> None:
        """Raise LeaseLost if the request must not leave.

        Called once a call, after connecting and the TLS handshake, immediately before the first byte.
        """

    def record(self, exchange: Exchange) -> None:
        """Keep what was sent and received. Called after every call that was not stopped by `check`."""

"""How a command asks ONTRAPORT: a few calls, in what the workers' budget leaves free; for app.cli only."""

from app.events import Exchange
from app.ontraport.context import RateLimit, boot_seconds

CALL_SECONDS = 60.0


class CommandCall:
    """The context of one call; nothing is kept of it."""

    def __init__(self) -> None:
        self.deadline = boot_seconds() + CALL_SECONDS

    def check(self) -> None:
        """A command holds no lease."""

    def record(self, exchange: Exchange) -> None:
        """The person sees the result."""

    def observe(self, limits: RateLimit) -> None:
        """A handful of calls changes nothing."""

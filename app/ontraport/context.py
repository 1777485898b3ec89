"""What a caller hands to every call of the ONTRAPORT client; importable by whoever makes such calls."""

from dataclasses import dataclass
from typing import Protocol

from app.http.context import CallContext as HttpContext
from app.http.context import boot_seconds

__all__ = ["CallContext", "RateLimit", "boot_seconds"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The account's budget as ONTRAPORT's answer tells it; None where it does not.

    `reset_seconds` is a span, not a point in time. https://api.ontraport.com/doc/#rate-limiting
    """

    limit: int | None
    remaining: int | None
    reset_seconds: float | None


class CallContext(HttpContext, Protocol):
    """The attempt on whose behalf a call is made. Used by the thread that makes the call only."""

    def observe(self, limits: RateLimit) -> None:
        """Learn the account's budget. Called after each answer that names it."""

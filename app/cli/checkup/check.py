"""What a check of `relay doctor` says; for app.cli only."""

from dataclasses import dataclass
from enum import StrEnum

from app.errors import DeliveryFailure, Postponed


class Verdict(StrEnum):
    """`warn` is worth a look, `wrong` costs sales or will."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: about what, how it is, and what to do about it ('' when nothing)."""

    about: str
    verdict: Verdict
    text: str
    advice: str = ""


def ok(about: str, text: str) -> Check:
    """As it should be."""
    return Check(about, Verdict.OK, text)


def warn(about: str, text: str, advice: str) -> Check:
    """It works, but."""
    return Check(about, Verdict.WARN, text, advice)


def wrong(about: str, text: str, advice: str) -> Check:
    """It does not work, or will not for long."""
    return Check(about, Verdict.WRONG, text, advice)


def failed(about: str, failure: DeliveryFailure | Postponed, advice: str = "") -> Check:
    """The system itself refused to be looked at."""
    if isinstance(failure, Postponed):
        return warn(about, f"not looked at: {failure.reason}", "Run it again later")
    return wrong(about, failure.reason, advice or failure.hint or "Look at the system's own status page")

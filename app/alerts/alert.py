"""One thing that is wrong now, and what a rule is that finds such things."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from app.alerts.readings import Readings

MOST_SUBJECTS = 10


class Severity(StrEnum):
    """`warn` can wait until morning, `page` cannot."""

    WARN = "warn"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Alert:
    """What is wrong, told in one sentence, for one `group`: at most one message an hour.

    `size` is what is compared when a message is repeated for growing tenfold. `subjects` are at most ten of
    those concerned (`order:DEMO-1`), `money` is cents by currency. No personal data in any of it.
    """

    name: str
    group: str
    severity: Severity
    what: str
    size: int = 1
    subjects: tuple[str, ...] = ()
    money: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of alerts: when it warns and pages, in words; what to do; and how it is found."""

    name: str
    warn: str
    page: str
    do: str
    find: Callable[[Readings], Iterable[Alert]]


def later_of(lasted: timedelta, warn: timedelta, page: timedelta) -> Severity | None:
    """What something deserves that has lasted so long; None while that is shorter than both."""
    if lasted >= page:
        return Severity.PAGE
    return Severity.WARN if lasted >= warn else None


def larger_of(number: float, warn: float, page: float) -> Severity | None:
    """What a number deserves; None while it is less than both."""
    if number >= page:
        return Severity.PAGE
    return Severity.WARN if number >= warn else None

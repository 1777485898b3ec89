"""Which alerts are told now: on change, at most once an hour a group, again when ten times larger. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.alerts.alert import Alert, Severity

QUIET = timedelta(hours=1)
REMINDER = timedelta(hours=24)
MUCH_LARGER = 10


@dataclass(frozen=True, slots=True)
class Told:
    """What was last said about a group, and when (UTC)."""

    at: datetime
    severity: Severity
    size: int
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of a group: the alert as it was last found, since when, and what was told of it.

    `news` is true while it is open and nobody knows. A group that ended is remembered for an hour after it
    was told, so that what comes and goes is not told each time.
    """

    alert: Alert
    since: datetime
    open: bool = True
    news: bool = True
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class News:
    """One group in a message: it opened (or changed much), or it ended."""

    alert: Alert
    since: datetime
    resolved: bool = False


def judge(
    found: Sequence[Alert], known: Mapping[str, Group], now: datetime
) -> tuple[list[News], dict[str, Group]]:
    """What is to be said now, in the order of `found` with the ended ones last, and what is known then.

    Saying nothing changes nothing: called again with its own result at the same time it has no news.
    """
    news: list[News] = []
    after: dict[str, Group] = {}
    for alert in found:
        group = _seen(alert, known.get(alert.group), now)
        if _is_due(group, now):
            news.append(News(alert, group.since))
            told = Told(now, alert.severity, alert.size, alert.subjects)
            group = replace(group, news=False, told=told)
        after[alert.group] = group
    for name, group in known.items():
        if name not in after:
            if group.open and not group.news:
                news.append(News(group.alert, group.since, resolved=True))
            if group.told and now - group.told.at < QUIET:
                after[name] = replace(group, open=False)
    return news, after


def _seen(alert: Alert, before: Group | None, now: datetime) -> Group:
    if before is None:
        return Group(alert, now)
    if before.open:
        return replace(before, alert=alert)
    return Group(alert, now, told=before.told)


def _is_due(group: Group, now: datetime) -> bool:
    told, alert = group.told, group.alert
    if told is None:
        return True
    worse = alert.severity is Severity.PAGE and told.severity is Severity.WARN
    if worse or alert.size >= MUCH_LARGER * told.size:
        return True
    changed = alert.size > told.size or not set(alert.subjects) <= set(told.subjects)
    age = now - told.at
    return (age >= QUIET and (group.news or changed)) or age >= REMINDER

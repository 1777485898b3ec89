"""What is sent: one message for everything that is told at once, as text and as JSON; pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.alerts.judge import News
from app.alerts.rules import TO_DO
from app.alerts.wording import money_text, span_text, time_text
from app.logs import mask_text

LONGEST_SUBJECT = 150


def subject_line(news: Sequence[News]) -> str:
    """The first of them, and how many more there are; for e-mail."""
    more = f" (and {len(news) - 1} more)" if len(news) > 1 else ""
    return f"relay {_line(news[0])}"[: LONGEST_SUBJECT - len(more)] + more


def text(news: Sequence[News], now: datetime) -> str:
    """The message for a person: a paragraph a group."""
    return "\n\n".join(_paragraph(one, now) for one in news)


def document(news: Sequence[News], now: datetime) -> dict[str, Any]:
    """The message for a program: `{"at", "subject", "text", "alerts": […]}`, money in cents, ISO times."""
    return {
        "at": now.isoformat(),
        "subject": subject_line(news),
        "text": text(news, now),
        "alerts": [_entry(one) for one in news],
    }


def _entry(one: News) -> dict[str, Any]:
    return {
        "name": one.alert.name,
        "group": one.alert.group,
        "status": "resolved" if one.resolved else "open",
        "severity": one.alert.severity,
        "since": one.since.isoformat(),
        "what": mask_text(one.alert.what),
        "size": one.alert.size,
        "subjects": [mask_text(subject) for subject in one.alert.subjects],
        "money_cents": dict(one.alert.money),
        "do": "" if one.resolved else TO_DO.get(one.alert.name, ""),
    }


def _line(one: News) -> str:
    name, what = one.alert.name, one.alert.what
    if one.resolved:
        return mask_text(f"resolved {name}, which was: {what}")
    return mask_text(f"{one.alert.severity.upper()} {name}: {what}")


def _paragraph(one: News, now: datetime) -> str:
    alert = one.alert
    if one.resolved:
        return f"{_line(one)}\nIt lasted {span_text(now - one.since)}, since {time_text(one.since)}."
    lines = [_line(one)]
    if any(alert.money.values()):
        lines.append(f"Money: {money_text(alert.money)}")
    if alert.subjects:
        more = f" and {alert.size - len(alert.subjects)} more" if alert.size > len(alert.subjects) else ""
        lines.append(f"About: {mask_text(', '.join(alert.subjects))}{more}")
    if alert.name in TO_DO:
        lines.append(f"Do: {TO_DO[alert.name]}")
    return "\n".join(lines)

"""`relay alerts`: what is wrong now, when it was told, and whether messages arrive; for app.cli.main only."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from app.alerts.alert import Alert, Severity
from app.alerts.book import Book
from app.alerts.judge import News
from app.alerts.message import document
from app.alerts.readings import Probe
from app.alerts.rules import TO_DO, find_alerts
from app.alerts.wording import money_text, time_text
from app.channels.choice import channels_of
from app.channels.web import Target
from app.cli.store import local_settings, open_services
from app.errors import SettingsError
from app.services import utc_now

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
NO_CHANNEL = "no channel is set: ALERT_WEBHOOK_URL, ALERT_SLACK_URL, or SMTP_URL with ALERT_EMAIL_TO"
DEADMAN = "dead man's switch"


@click.group(invoke_without_command=True)
@_JSON
@click.pass_context
def alerts(context: click.Context, as_json: bool) -> None:
    """Show what is wrong now, what to do about it, and when it was told.

    Ends with 0 when nothing is wrong, else with 1.
    """
    if context.invoked_subcommand:
        return
    services = open_services()
    book, readings = services.alerts.read(), services.survey.read()
    found = find_alerts(readings)
    report = {**_report(found, book, list(services.channels)), "probe": _probe(readings.probe)}
    if as_json:
        click.echo(json.dumps(report))
    else:
        _show(report)
    sys.exit(1 if found else 0)


@alerts.command()
@_JSON
def test(as_json: bool) -> None:
    """Send a test message through every channel that is set, ping DEADMAN_URL, and say what became of it.

    Ends with 0 when every channel took it, else with 1.
    """
    settings = local_settings()
    channels = channels_of(settings)
    if not channels and not settings.deadman_url:
        raise SettingsError(NO_CHANNEL)
    now = utc_now()
    sample = Alert("test", "test", Severity.WARN, "this is a test, sent by hand; nothing is wrong")
    message = document([News(sample, now)], now)
    problems = {name: channel.send(message) for name, channel in channels.items()}
    if settings.deadman_url:
        problems[DEADMAN] = Target(settings.deadman_url.reveal()).call("GET")
    if as_json:
        click.echo(
            json.dumps({name: {"taken": not text, "problem": text} for name, text in problems.items()})
        )
    else:
        for name, text in problems.items():
            click.echo(f"{name}: {text or 'taken'}")
    sys.exit(1 if any(problems.values()) else 0)


def _report(found: list[Alert], book: Book, channels: list[str]) -> dict[str, Any]:
    return {
        "open": [_entry(alert, book) for alert in found],
        "unsent": [
            {"at": one.at.isoformat(), "channels": list(one.channels), "attempts": one.attempts}
            for one in book.unsent
        ],
        "channels": channels,
        "judged_at": book.judged_at.isoformat() if book.judged_at else None,
    }


def _probe(last: Probe | None) -> dict[str, Any] | None:
    if last is None:
        return None
    completed = last.completed_at.isoformat() if last.completed_at else None
    return {"tried_at": last.tried_at.isoformat(), "completed_at": completed, "problem": last.problem}


def _entry(alert: Alert, book: Book) -> dict[str, Any]:
    group = book.groups.get(alert.group)
    known = group if group and group.open else None
    return {
        "name": alert.name,
        "group": alert.group,
        "severity": alert.severity,
        "what": alert.what,
        "size": alert.size,
        "subjects": list(alert.subjects),
        "money_cents": dict(alert.money),
        "since": known.since.isoformat() if known else None,
        "told_at": known.told.at.isoformat() if known and known.told else None,
        "do": TO_DO[alert.name],
    }


def _show(report: Mapping[str, Any]) -> None:
    for one in report["open"]:
        _show_alert(one)
    if not report["open"]:
        click.echo("nothing is wrong")
    probe = report["probe"]
    told = (
        f"at {probe['tried_at'][:19]} UTC: {probe['problem'] or 'everything works'}" if probe else "none yet"
    )
    click.echo(f"end-to-end probe: {told}")
    if report["unsent"]:
        waiting = len(report["unsent"])
        click.echo(f"{waiting} messages could not be sent yet; `relay alerts test` says why")
    if not report["channels"]:
        click.echo(f"nobody is told: {NO_CHANNEL}")
    if report["judged_at"] is None:
        click.echo("no worker has looked yet")


def _show_alert(one: Mapping[str, Any]) -> None:
    click.echo(f"{one['severity'].upper()} {one['name']}: {one['what']}")
    if any(one["money_cents"].values()):
        click.echo(f"  money: {money_text(one['money_cents'])}")
    if one["subjects"]:
        click.echo(f"  about: {', '.join(one['subjects'])}")
    told = time_text(datetime.fromisoformat(one["told_at"])) if one["told_at"] else "not yet"
    click.echo(f"  told:  {told}")
    click.echo(f"  do:    {one['do']}")

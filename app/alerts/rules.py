"""The table of alerts: when each warns and pages, and what to do. docs/operations.md shows the same table."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from app.alerts.alert import MOST_SUBJECTS, Alert, Rule, Severity, larger_of, later_of
from app.alerts.capacity import budget_forecast, lost_in_an_hour, memory_forecast
from app.alerts.readings import AccountReading, Readings, Waiting
from app.alerts.wording import count_text, span_text, time_text

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NEVER = "-"
MANY_DEAD = 50
SOON = timedelta(hours=24)


def find_alerts(readings: Readings) -> list[Alert]:
    """Everything that is wrong at this moment, money first, then pages, then in the order of the table."""
    found = [alert for rule in RULES for alert in rule.find(readings)]
    return sorted(found, key=lambda alert: (not any(alert.money.values()), alert.severity is Severity.WARN))


def clears_text(account: AccountReading, readings: Readings) -> str:
    """When what waits will have gone out, for messages and `relay status`."""
    clears_in = budget_forecast(account, readings).clears_in
    if account.gate:
        return f"cleared {span_text(clears_in)} after the gate opens"
    return f"cleared at about {time_text(readings.now + clears_in)}"


def _money_dead(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        for failure, letters in _by_failure(one for one in account.dead if one.money):
            what = f"{count_text(len(letters), 'sale or refund', 'sales or refunds')} given up ({failure})"
            yield _about(letters, "money_dead", account.account, Severity.PAGE, what, failure)


def _dead(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        for failure, letters in _by_failure(one for one in account.dead if not one.money):
            severity = Severity.PAGE if len(letters) > MANY_DEAD else Severity.WARN
            what = f"{count_text(len(letters), 'transmission')} given up ({failure}), no money among them"
            yield _about(letters, "dead", account.account, severity, what, failure)


def _dead_waits(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        old = [one for one in account.dead if readings.now - one.since >= 4 * HOUR]
        if old:
            lasted = readings.now - min(one.since for one in old)
            severity = Severity.PAGE if lasted >= 24 * HOUR else Severity.WARN
            what = f"{count_text(len(old), 'dead letter')} left alone, the oldest for {span_text(lasted)}"
            yield _about(old, "dead_waits", account.account, severity, what)


def _keys_refused(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        if account.gate and account.gate.reason == "auth":
            yield _closed("keys_refused", account, readings, Severity.PAGE, "the CRM refuses the keys")


def _crm_away(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        if account.gate and account.gate.reason != "auth":
            lasted = readings.now - account.gate.since
            severity = later_of(lasted, 2 * MINUTE, 15 * MINUTE)
            if severity:
                what = f"the CRM has taken nothing for {span_text(lasted)} ({account.gate.reason})"
                yield _closed("crm_away", account, readings, severity, what)


def _money_late(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        if account.oldest_money and account.gate is None:
            lasted = readings.now - account.oldest_money
            severity = later_of(lasted, MINUTE, 5 * MINUTE)
            if severity:
                what = f"the oldest sale or refund waits for {span_text(lasted)}; {_queue(account, readings)}"
                yield _whole("money_late", account, severity, what)


def _money_retried(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        old = [one for one in account.retried if one.money and readings.now - one.since >= 15 * MINUTE]
        if old:
            lasted = readings.now - min(one.since for one in old)
            severity = Severity.PAGE if lasted >= 4 * HOUR else Severity.WARN
            what = f"{count_text(len(old), 'sale or refund', 'sales or refunds')} failed and tried again"
            what += f", the oldest for {span_text(lasted)}"
            yield _about(old, "money_retried", account.account, severity, what)


def _quarantine(readings: Readings) -> Iterator[Alert]:
    if readings.quarantined:
        severity = Severity.PAGE if readings.quarantined_lately >= 5 else Severity.WARN
        what = (
            f"{count_text(readings.quarantined, 'delivery', 'deliveries')} that nobody can read, kept whole"
        )
        yield Alert("quarantine", "quarantine", severity, what, readings.quarantined)


def _memory(readings: Readings) -> Iterator[Alert]:
    memory = memory_forecast(readings)
    if readings.evicted:
        what = f"Redis threw {count_text(readings.evicted, 'key')} away: it must run with noeviction"
        yield Alert("memory", "memory:evicted", Severity.PAGE, what)
    if memory is None:
        return
    severity = larger_of(memory.share, 0.70, 0.85)
    soon = memory.full_in is not None and memory.full_in <= SOON
    if severity or soon:
        what = f"Redis uses {memory.share:.0%} of its memory; at 85 % the receiver answers 503"
        if soon and memory.full_in is not None and memory.full_in:
            what += f", as it grows now at about {time_text(readings.now + memory.full_in)}"
        yield Alert("memory", "memory", severity or Severity.WARN, what)


def _budget(readings: Readings) -> Iterator[Alert]:
    for account in readings.accounts:
        day = budget_forecast(account, readings)
        severity = larger_of(day.share, 0.80, 1.0)
        if severity:
            what = f"the {count_text(day.facts, 'fact')} of 24 h need {day.share:.0%} of a day's requests"
            if day.full_in:
                what += f"; at last week's growth all of them in {span_text(day.full_in)}"
            yield Alert("budget", f"budget:{account.account}", severity, f"{account.account}: {what}")


def _lost_wake_ups(readings: Readings) -> Iterator[Alert]:
    lost = lost_in_an_hour(readings)
    severity = larger_of(lost, 10, 100)
    if severity:
        what = f"{count_text(lost, 'wake-up')} of Celery lost and found again within an hour"
        yield Alert("lost_wake_ups", "lost_wake_ups", severity, what, lost)


def _probe(readings: Readings) -> Iterator[Alert]:
    if readings.awake_since is None:
        return
    last = readings.probe
    proved = readings.awake_since
    if last and last.completed_at:
        proved = max(proved, last.completed_at)
    severity = later_of(readings.now - proved, 5 * MINUTE, 15 * MINUTE)
    if severity:
        problem = last.problem if last and last.tried_at >= proved and last.problem else "none was made"
        what = f"no end-to-end probe has succeeded for {span_text(readings.now - proved)}: {problem}"
        yield Alert("probe", "probe", severity, what)


def _by_failure(letters: Iterable[Waiting]) -> list[tuple[str, list[Waiting]]]:
    groups: dict[str, list[Waiting]] = {}
    for letter in letters:
        groups.setdefault(letter.failure or "unknown", []).append(letter)
    return sorted(groups.items())


def _about(
    some: list[Waiting], name: str, account: str, severity: Severity, what: str, failure: str = ""
) -> Alert:
    money: dict[str, int] = {}
    for one in some:
        money[one.currency] = money.get(one.currency, 0) + one.cents
    oldest = sorted(some, key=_since)
    subjects = tuple(dict.fromkeys(one.subject for one in oldest))[:MOST_SUBJECTS]
    group = ":".join(filter(None, (name, account, failure)))
    return Alert(name, group, severity, f"{account}: {what}", len(some), subjects, money)


def _closed(name: str, account: AccountReading, readings: Readings, severity: Severity, what: str) -> Alert:
    told = f"gate closed since {time_text(account.gate.since)}: {what}" if account.gate else what
    return _whole(name, account, severity, f"{told}; {_queue(account, readings)}")


def _whole(name: str, account: AccountReading, severity: Severity, what: str) -> Alert:
    size = max(1, account.waiting)
    words = f"{account.account}: {what}"
    return Alert(name, f"{name}:{account.account}", severity, words, size, (), account.held_cents)


def _queue(account: AccountReading, readings: Readings) -> str:
    return f"{account.waiting:,} wait, {clears_text(account, readings)}"


def _since(one: Waiting) -> datetime:
    return one.since


RULES: tuple[Rule, ...] = (
    Rule(
        "money_dead",
        NEVER,
        "a sale or refund is dead",
        "`relay dead list`, `relay dead show ID`; correct it, then `relay dead replay ID`",
        _money_dead,
    ),
    Rule(
        "keys_refused",
        NEVER,
        "ONTRAPORT refuses the keys; all is kept",
        "make a new key, set it, restart; `relay doctor` tests it, a probe opens the gate by itself",
        _keys_refused,
    ),
    Rule(
        "crm_away",
        "the gate is closed for 2 minutes for another reason",
        "for 15 minutes",
        "look at ONTRAPORT's status page; `relay status` names the next probe",
        _crm_away,
    ),
    Rule(
        "money_late",
        "the oldest sale or refund waits 60 s for a worker",
        "5 minutes",
        "`relay status`: a backlog says when it clears; if not, look whether the workers run",
        _money_late,
    ),
    Rule(
        "money_retried",
        "a sale or refund is tried again for 15 minutes",
        "for 4 hours",
        "`relay status`; the log names the order and the answer",
        _money_retried,
    ),
    Rule(
        "dead",
        "something else is dead",
        "more than 50 of one class",
        "`relay dead list`, `relay dead show ID`",
        _dead,
    ),
    Rule(
        "dead_waits",
        "a dead letter is 4 hours old",
        "24 hours",
        "`relay dead list`: replay or close what is left",
        _dead_waits,
    ),
    Rule(
        "quarantine",
        "something could not be read",
        "5 within 10 minutes",
        "`relay quarantine list`; what came is kept whole, with the reason",
        _quarantine,
    ),
    Rule(
        "memory",
        "70 % of Redis' memory, or 85 % within 24 hours as it grows",
        "85 %, or Redis evicted a key",
        "raise maxmemory (VALKEY_MEMORY_MB), or lower PAYLOAD_DAYS and EXCHANGE_DAYS",
        _memory,
    ),
    Rule(
        "budget",
        "the last 24 hours need 80 % of a day's requests",
        "100 %",
        "`relay status`; fewer tags and notes cost fewer requests, or ask ONTRAPORT for a higher limit",
        _budget,
    ),
    Rule(
        "probe",
        "no end-to-end probe has succeeded for 5 minutes",
        "15 minutes",
        "`relay alerts` says what it met; if none was made, look whether beat and the workers run",
        _probe,
    ),
    Rule(
        "lost_wake_ups",
        "10 within an hour",
        "100",
        "nothing is lost; look at Redis' log and at how often workers are killed",
        _lost_wake_ups,
    ),
)
TO_DO = {rule.name: rule.do for rule in RULES}

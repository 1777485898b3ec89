"""Rules about what is on its way to a CRM: dead, late, tried again, held by a gate; for app.alerts.rules."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from app.alerts.alert import MOST_SUBJECTS, Alert, Severity, later_of
from app.alerts.capacity import budget_forecast
from app.alerts.readings import AccountReading, Readings, Tries, Waiting
from app.alerts.wording import count_text, span_text, time_text

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MANY_DEAD = 50
QUARTER = 15 * MINUTE
# A share says nothing of less.
LEAST_DEAD, LEAST_TRIES, LEAST_LATELY = 5, 20, 10
MANY_MONEY = 10


def clears_text(account: AccountReading, readings: Readings) -> str:
    """When what waits will have gone out, for messages and `relay status`."""
    clears_in = budget_forecast(account, readings).clears_in
    if account.gate:
        return f"cleared {span_text(clears_in)} after the gate opens"
    return f"cleared at about {time_text(readings.now + clears_in)}"


def money_dead(readings: Readings) -> Iterator[Alert]:
    """Sales and refunds that were given up, by what they died of.

    The shop's next event of the order repairs many within minutes: the first quarter of an hour only warns.
    """
    for account in readings.accounts:
        for failure, letters in _by_failure(one for one in account.dead if one.money):
            what = f"{count_text(len(letters), 'sale or refund', 'sales or refunds')} given up ({failure})"
            pages = len(letters) >= MANY_MONEY or any(readings.now - one.since >= QUARTER for one in letters)
            severity = Severity.PAGE if pages else Severity.WARN
            yield _about(letters, "money_dead", account.account, severity, what, failure)


def dead(readings: Readings) -> Iterator[Alert]:
    """What else was given up."""
    for account in readings.accounts:
        for failure, letters in _by_failure(one for one in account.dead if not one.money):
            lately = sum(readings.now - one.since <= QUARTER for one in letters)
            pages = len(letters) > MANY_DEAD or _is_much(lately, account)
            severity = Severity.PAGE if pages else Severity.WARN
            what = f"{count_text(len(letters), 'transmission')} given up ({failure}), no money among them"
            yield _about(letters, "dead", account.account, severity, what, failure)


def first_attempts(readings: Readings) -> Iterator[Alert]:
    """The CRM does not take what it is sent, while its gate is open."""
    for account in readings.accounts:
        group, whose = f"first_attempts:{account.account}", account.account
        halves = (_taken(account.tries[:5]), _taken(account.tries[5:10]))
        if all(_is_below(0.80, half, LEAST_LATELY) for half in halves):
            what = f"{whose}: {_failed(_taken(account.tries[:10]))} of ten minutes"
            yield Alert("first_attempts", group, Severity.PAGE, what)
        elif _is_below(0.95, hour := _taken(account.tries), LEAST_TRIES):
            yield Alert("first_attempts", group, Severity.WARN, f"{whose}: {_failed(hour)} of an hour")


def dead_waits(readings: Readings) -> Iterator[Alert]:
    """Dead letters that nobody acted on."""
    for account in readings.accounts:
        old = [one for one in account.dead if readings.now - one.since >= 4 * HOUR]
        if old:
            lasted = readings.now - min(one.since for one in old)
            severity = Severity.PAGE if lasted >= 24 * HOUR else Severity.WARN
            what = f"{count_text(len(old), 'dead letter')} left alone, the oldest for {span_text(lasted)}"
            yield _about(old, "dead_waits", account.account, severity, what)


def keys_refused(readings: Readings) -> Iterator[Alert]:
    """Gates that refused keys closed."""
    for account in readings.accounts:
        if account.gate and account.gate.reason == "auth":
            yield _closed("keys_refused", account, readings, Severity.PAGE, "the CRM refuses the keys")


def crm_away(readings: Readings) -> Iterator[Alert]:
    """Gates that are closed for another reason, for a while."""
    for account in readings.accounts:
        if account.gate and account.gate.reason != "auth":
            lasted = readings.now - account.gate.since
            severity = later_of(lasted, 2 * MINUTE, 15 * MINUTE)
            if severity:
                what = f"the CRM has taken nothing for {span_text(lasted)} ({account.gate.reason})"
                yield _closed("crm_away", account, readings, severity, what)


def money_late(readings: Readings) -> Iterator[Alert]:
    """Sales and refunds that no worker takes, or that the budget holds back."""
    for account in readings.accounts:
        if account.oldest_money and account.gate is None:
            lasted = readings.now - account.oldest_money
            severity = later_of(lasted, MINUTE, 5 * MINUTE)
            if severity:
                what = f"the oldest sale or refund waits for {span_text(lasted)}; {_queue(account, readings)}"
                yield _whole("money_late", account, severity, what)


def money_retried(readings: Readings) -> Iterator[Alert]:
    """Sales and refunds that fail again and again."""
    for account in readings.accounts:
        old = [one for one in account.retried if one.money and readings.now - one.since >= 15 * MINUTE]
        if old:
            lasted = readings.now - min(one.since for one in old)
            severity = Severity.PAGE if lasted >= 4 * HOUR else Severity.WARN
            what = f"{count_text(len(old), 'sale or refund', 'sales or refunds')} failed and tried again"
            what += f", the oldest for {span_text(lasted)}"
            yield _about(old, "money_retried", account.account, severity, what)


def _is_much(lately: int, account: AccountReading) -> bool:
    """More than 1 % of what was tried for the first time in a quarter of an hour."""
    traffic = sum(one.good + one.bad + one.other for one in account.tries[:15])
    return lately >= LEAST_DEAD and lately > 0.01 * traffic


def _is_below(share: float, taken: tuple[int, int], least: int) -> bool:
    return sum(taken) >= least and taken[0] < share * sum(taken)


def _failed(taken: tuple[int, int]) -> str:
    good, tried = taken[0], sum(taken)
    return f"only {good / tried:.0%} succeeded ({tried - good} of {tried} failed) among the first attempts"


def _taken(minutes: Sequence[Tries]) -> tuple[int, int]:
    """How many the CRM took, and how many failed."""
    return sum(one.good for one in minutes), sum(one.bad for one in minutes)


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

"""Rules about the relay itself and its shops: intake, store, budget, probe; for app.alerts.rules."""

from collections.abc import Iterator
from datetime import timedelta

from app.alerts.alert import Alert, Severity, larger_of, later_of
from app.alerts.capacity import budget_forecast, lost_in_an_hour, memory_forecast
from app.alerts.readings import Readings
from app.alerts.wording import count_text, span_text, time_text

MINUTE = timedelta(minutes=1)
A_DAY = timedelta(hours=24)


def quarantine(readings: Readings) -> Iterator[Alert]:
    """What came and could not be read."""
    if readings.quarantined:
        severity = Severity.PAGE if readings.quarantined_lately >= 5 else Severity.WARN
        what = (
            f"{count_text(readings.quarantined, 'delivery', 'deliveries')} that nobody can read, kept whole"
        )
        yield Alert("quarantine", "quarantine", severity, what, readings.quarantined)


def writes_lost(readings: Readings) -> Iterator[Alert]:
    """Redis came back without its last writes."""
    lost = readings.writes_lost_at
    if lost and readings.now - lost < A_DAY:
        what = f"Redis may have lost its last writes at {time_text(lost)}, acknowledged orders among them"
        yield Alert("writes_lost", "writes_lost", Severity.WARN, what)


def memory(readings: Readings) -> Iterator[Alert]:
    """Redis is full, or will be."""
    memory = memory_forecast(readings)
    if readings.evicted:
        what = f"Redis threw {count_text(readings.evicted, 'key')} away: it must run with noeviction"
        yield Alert("memory", "memory:evicted", Severity.PAGE, what)
    if memory is None:
        return
    severity = larger_of(memory.share, 0.70, 0.85)
    soon = memory.full_in is not None and memory.full_in <= A_DAY
    if severity or soon:
        what = f"Redis uses {memory.share:.0%} of its memory; at 85 % the receiver answers 503"
        if soon and memory.full_in is not None and memory.full_in:
            what += f", as it grows now at about {time_text(readings.now + memory.full_in)}"
        yield Alert("memory", "memory", severity or Severity.WARN, what)


def budget(readings: Readings) -> Iterator[Alert]:
    """More comes in than requests can carry out."""
    for account in readings.accounts:
        day = budget_forecast(account, readings)
        severity = larger_of(day.share, 0.80, 1.0)
        if severity:
            what = f"the {count_text(day.facts, 'fact')} of 24 h need {day.share:.0%} of a day's requests"
            if day.full_in:
                what += f"; at last week's growth all of them in {span_text(day.full_in)}"
            yield Alert("budget", f"budget:{account.account}", severity, f"{account.account}: {what}")


def lost_wake_ups(readings: Readings) -> Iterator[Alert]:
    """Wake-ups that Celery lost."""
    lost = lost_in_an_hour(readings)
    severity = larger_of(lost, 10, 100)
    if severity:
        what = f"{count_text(lost, 'wake-up')} of Celery lost and found again within an hour"
        yield Alert("lost_wake_ups", "lost_wake_ups", severity, what, lost)


def probe(readings: Readings) -> Iterator[Alert]:
    """No probe gets through."""
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


def webhook(readings: Readings) -> Iterator[Alert]:
    """UltraCart cannot deliver to us."""
    for shop in readings.shops:
        group, waiting = f"webhook:{shop.merchant_id}", f"{shop.webhook_pending:,} events wait there"
        if shop.webhook_disabled:
            what = f"{shop.merchant_id}: UltraCart has disabled the webhook, no order comes in; {waiting}"
            yield Alert("webhook", group, Severity.PAGE, what)
        elif shop.webhook_failures:
            times = count_text(shop.webhook_failures, "delivery", "deliveries")
            what = f"{shop.merchant_id}: {times} of UltraCart failed one after the other; {waiting}"
            yield Alert("webhook", group, Severity.WARN, what, shop.webhook_failures)


def poll_failed(readings: Readings) -> Iterator[Alert]:
    """The shop refuses to be polled."""
    for shop in readings.shops:
        if shop.failed_polls:
            told = "; ".join(f"{poll}: {reason}" for poll, reason in shop.failed_polls.items())
            what = f"{shop.merchant_id}: the shop could not be polled ({told})"
            yield Alert("poll_failed", f"poll_failed:{shop.merchant_id}", Severity.WARN, what)

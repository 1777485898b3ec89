"""Capacity in `relay status`: the day, the memory, and when the backlog clears; for app.cli.status only."""

from datetime import datetime, timedelta
from typing import Any

from app.alerts.capacity import budget_forecast, memory_forecast
from app.alerts.readings import AccountReading, Readings
from app.alerts.wording import span_text, time_text


def account_capacity(account: AccountReading, readings: Readings) -> dict[str, Any]:
    """One account's day and backlog, as JSON types; `clears_at` None while the gate is closed."""
    day = budget_forecast(account, readings)
    return {
        "facts_last_day": day.facts,
        "requests_per_fact": round(day.requests_per_fact, 2),
        "budget_share": round(day.share, 4),
        "budget_full_in_seconds": _seconds(day.full_in),
        "waiting": account.waiting,
        "waiting_backfill": account.backfill,
        "clears_in_seconds": _seconds(day.clears_in),
        "clears_at": None if account.gate else (readings.now + day.clears_in).isoformat(),
    }


def memory_capacity(readings: Readings) -> dict[str, Any]:
    """Redis' memory in bytes, as JSON types; `share` and `full_in_seconds` None where there is no limit."""
    memory = memory_forecast(readings)
    return {
        "used": readings.memory_used,
        "limit": readings.memory_limit,
        "share": round(memory.share, 4) if memory else None,
        "full_in_seconds": _seconds(memory.full_in) if memory else None,
    }


def account_words(capacity: dict[str, Any]) -> str:
    """What `account_capacity` says, in a line or two."""
    facts, share = capacity["facts_last_day"], capacity["budget_share"]
    day = f"{facts:,} facts in 24 h need {share:.0%} of a day's requests"
    if not capacity["waiting"]:
        return day
    span = span_text(timedelta(seconds=capacity["clears_in_seconds"]))
    at = capacity["clears_at"]
    clears = f"clears at about {time_text(datetime.fromisoformat(at))} (in {span})" if at else ""
    waiting = f"{capacity['waiting']:,} wait"
    if capacity["waiting_backfill"]:
        waiting += f" ({capacity['waiting_backfill']:,} of them backfilled)"
    return f"{waiting}: {clears or f'clears {span} after the gate opens'}\n{day}"


def memory_words(memory: dict[str, Any]) -> str:
    """What `memory_capacity` says, in a line."""
    used = f"Redis uses {memory['used'] / 2**20:.0f} MB"
    if memory["share"] is None:
        return f"{used}, without a limit"
    used += f" of {memory['limit'] / 2**20:.0f} ({memory['share']:.0%})"
    if memory["full_in_seconds"] is None:
        return used
    full = span_text(timedelta(seconds=memory["full_in_seconds"]))
    return f"{used}; as it grows now, intake stops in {full}"


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds())

"""Numbers, money and times as a person reads them in a message; for the rules and for `relay status`."""

from collections.abc import Mapping
from datetime import datetime, timedelta


def money_text(cents: Mapping[str, int]) -> str:
    """`1,150.00 USD, 20.00 EUR`, or `none`."""
    told = (f"{number / 100:,.2f} {unit}".strip() for unit, number in sorted(cents.items()) if number)
    return ", ".join(told) or "none"


def span_text(span: timedelta) -> str:
    """`45 s`, `12 min`, `19 h 20 min` or `3 days 4 h`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours == 0:
        return f"{minutes} min"
    if days == 0:
        return f"{hours} h {minutes % 60} min"
    return f"{count_text(days, 'day')} {hours % 24} h"


def time_text(moment: datetime) -> str:
    """`2026-03-01 12:30 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def count_text(number: int, one: str, many: str = "") -> str:
    """`1 sale`, `1,200 sales`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def failed_deliveries_text(counts: Mapping[str, int]) -> str:
    """What became of a shop's deliveries that failed (ShopReading.failed_deliveries)."""
    told = [f"UltraCart logged {count_text(counts.get('failed', 0), 'failed delivery', 'failed deliveries')}"]
    told += [f"{counts['arrived']:,} had come another way"] if counts.get("arrived") else []
    told += [f"{count_text(counts.get('taken', 0), 'event')} taken from the others"]
    told += [f"{counts['quarantined']:,} quarantined"] if counts.get("quarantined") else []
    told += [f"{counts['incomplete']:,} could not be fetched whole"] if counts.get("incomplete") else []
    return ", ".join(told)

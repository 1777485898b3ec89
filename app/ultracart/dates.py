"""UltraCart's time stamps as aware UTC; anyone above may import it.

They are ISO 8601 with the offset of US Eastern time ("2021-05-18T12:10:19-04:00").
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# What a stamp without an offset would mean: the shop's clock.
_SHOP_TIME = ZoneInfo("America/New_York")
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def read_stamp(text: str) -> datetime:
    """An aware UTC time; ValueError when the text is no time stamp.

    What the offset carries beyond the first or the last year ("for ever") is the first or last moment.
    """
    stamp = datetime.fromisoformat(text.strip())
    try:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=_SHOP_TIME)).astimezone(UTC)
    except OverflowError:
        return _FIRST if stamp.year == 1 else _LAST


def read_milliseconds(text: str) -> int:
    """The same as milliseconds since 1970 UTC, quicker; ValueError when the text is no time stamp."""
    try:
        stamp = datetime.fromisoformat(text)
        return milliseconds(stamp if stamp.tzinfo else stamp.replace(tzinfo=_SHOP_TIME))
    except OverflowError as error:
        raise ValueError(f"not a time stamp: {text!r}") from error


def milliseconds(stamp: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return int(stamp.timestamp() * 1000)

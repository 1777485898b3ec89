"""The spans that commands are given."""

from datetime import UTC, datetime

import click
import pytest

from app.cli.dates import SINCE, UNTIL
from app.cli.reconcile import span_of
from app.errors import SettingsError

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def test_a_day_is_whole() -> None:
    day = span_of(SINCE.convert("2026-11-20", None, None), UNTIL.convert("2026-11-20", None, None), NOW)
    assert day.since == datetime(2026, 11, 20, tzinfo=UTC)
    assert day.until == datetime(2026, 11, 21, tzinfo=UTC)


def test_a_time_is_taken_as_it_is() -> None:
    assert UNTIL.convert("2026-11-20T06:30", None, None) == datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
    assert SINCE.convert("2026-11-20T06:30:01", None, None) == datetime(2026, 11, 20, 6, 30, 1, tzinfo=UTC)


def test_nothing_is_read_of_the_future() -> None:
    today = span_of(SINCE.convert("2026-11-22", None, None), UNTIL.convert("2026-11-22", None, None), NOW)
    assert today.until == NOW


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "20.11.2026", ""])
def test_what_is_no_date_is_refused(wrong: str) -> None:
    with pytest.raises(click.BadParameter):
        UNTIL.convert(wrong, None, None)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(SettingsError, match="is not before"):
        span_of(UNTIL.convert("2026-11-20", None, None), SINCE.convert("2026-11-20", None, None), NOW)

"""Spans that commands are given, in UTC; for app.cli only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

_DAY = "%Y-%m-%d"
_FORMS = [_DAY, "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class _Moment(click.ParamType[datetime]):
    """A UTC time or a day; `ends` says that a day stands for its end, not for its beginning."""

    name = "date"

    def __init__(self, *, ends: bool) -> None:
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware UTC time."""
        found: datetime = click.DateTime(_FORMS)(value, param, ctx).replace(tzinfo=UTC)
        is_day = self._ends and isinstance(value, str) and len(value) <= len("2026-11-22")
        return found + timedelta(days=1) if is_day else found


SINCE = _Moment(ends=False)
UNTIL = _Moment(ends=True)

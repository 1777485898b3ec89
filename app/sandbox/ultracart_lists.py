"""Criteria, order and pages of UltraCart's lists; pure, for app.sandbox only.

Criteria are fields that must be equal (text without regard to case), and `…_begin` and `…_end` of a span
of time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.sandbox.refusals import Refused

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paging:
    """`_limit`, cut to what the list allows, and `_offset` from 0."""

    limit: int
    offset: int

    @classmethod
    def of(cls, args: Mapping[str, str], default: int = 100, most: int = 200) -> "Paging":
        """The paging of a query. Refused(400) when it makes no sense."""
        return cls(min(most, _count(args, "_limit", default)), _count(args, "_offset", 0))

    def cut(self, rows: Sequence[Row]) -> tuple[list[Row], dict[str, Any]]:
        """One page and its `result_set`."""
        page = list(rows[self.offset : self.offset + self.limit])
        after = self.offset + len(page)
        return page, {
            "count": len(page),
            "limit": self.limit,
            "offset": self.offset,
            "more": after < len(rows),
            "next_offset": after,
            "total_records": len(rows),
        }


def sorted_rows(rows: Iterable[Row], sort: str) -> list[Row]:
    """Ordered by the field that `_sort` names, `-` before it for the other way round; as they are without."""
    if not sort:
        return list(rows)
    name = sort.removeprefix("-")
    return sorted(rows, key=lambda row: str(row.get(name) or ""), reverse=sort.startswith("-"))


def matching(
    rows: Iterable[Row], criteria: Mapping[str, Any], equal: Mapping[str, str], spans: Mapping[str, str]
) -> list[Row]:
    """The rows that meet every criterion; `equal` and `spans` say where in the row each one looks.

    Refused(400) without any criterion, as UltraCart does, and for one that the sandbox does not know.
    """
    given = {name: value for name, value in criteria.items() if value not in (None, "")}
    if not given:
        raise Refused(400, "At least one query parameter must be specified")
    for name in given:
        if name not in equal and name.removesuffix("_begin").removesuffix("_end") not in spans:
            raise Refused(400, f"The sandbox cannot query by {name}")
    return [row for row in rows if all(_meets(row, name, given[name], equal, spans) for name in given)]


def changed_since(rows: Iterable[Row], field: str, since: str) -> list[Row]:
    """The rows whose time stamp is not older; all of them without `since`."""
    if not since:
        return list(rows)
    earliest = _moment(since)
    return [row for row in rows if row.get(field) and _moment(row[field]) >= earliest]


def _meets(row: Row, name: str, wanted: Any, equal: Mapping[str, str], spans: Mapping[str, str]) -> bool:
    if name in equal:
        return any(
            str(value).lower() == str(wanted).lower() for value in _values(row, equal[name].split("."))
        )
    edge = name.rpartition("_")[2]
    stamps = _values(row, spans[name.removesuffix(f"_{edge}")].split("."))
    limit = _moment(wanted)
    return any(_moment(one) >= limit if edge == "begin" else _moment(one) <= limit for one in stamps)


def _values(node: Any, path: Sequence[str]) -> list[Any]:
    """What lies at a path; a list on the way gives the values of all its elements."""
    if isinstance(node, list):
        return [value for one in node for value in _values(one, path)]
    if not path:
        return [] if node is None else [node]
    return _values(node.get(path[0]), path[1:]) if isinstance(node, Mapping) else []


def _moment(text: Any) -> datetime:
    try:
        stamp = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Refused(400, f"Invalid date: {text}") from error
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _count(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name, "") or str(default)
    if not text.isascii() or not text.isdecimal():
        raise Refused(400, f"Invalid {name}")
    return int(text)

"""What a GET list returns: condition, sort, page, listFields; pure, for app.sandbox only.

Condition JSON: `[{"field":{"field":"email"},"op":"=","value":{"value":"a@b.c"}},"AND",{…}]`; AND before OR.
Text compares without regard to case, numbers compare as numbers.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from app.sandbox.fields import as_text
from app.sandbox.refusals import Refused

Row = dict[str, str]
PAGE = 50


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of one GET list, read from its URL."""

    condition: Sequence[Any] = ()
    start: int = 0
    size: int = PAGE
    sort: str = "id"
    descending: bool = False
    fields: tuple[str, ...] = ()


def read_query(args: Mapping[str, str]) -> ListQuery:
    """The list query of a URL; a `range` above 50 silently gives 50. Refused(400) when it makes no sense."""
    return ListQuery(
        condition=_read_condition(args.get("condition", "")),
        start=_read_number(args, "start", 0),
        size=min(PAGE, _read_number(args, "range", PAGE)),
        sort=args.get("sort", "") or "id",
        descending=args.get("sortDir", "").lower() == "desc",
        fields=tuple(name.strip() for name in args.get("listFields", "").split(",") if name.strip()),
    )


def select(rows: Sequence[Row], query: ListQuery, known: Collection[str]) -> list[Row]:
    """One page of the rows that meet the condition. Refused(400) for a field that the object has not."""
    for name in [*_fields_in(query.condition), query.sort]:
        if name not in known:
            raise Refused(400, f"Invalid field: {name}")
    found = [row for row in rows if _holds(query.condition, row)]
    found.sort(key=lambda row: _sort_key(row.get(query.sort, "")), reverse=query.descending)
    page = found[query.start : query.start + query.size]
    return (
        [{name: row[name] for name in row if name in {"id", *query.fields}} for row in page]
        if query.fields
        else page
    )


def _read_number(args: Mapping[str, str], name: str, default: int) -> int:
    value = args.get(name, "")
    if value and not value.isdecimal():
        raise Refused(400, f"Invalid {name}")
    return int(value) if value else default


def _read_condition(text: str) -> list[Any]:
    if not text:
        return []
    try:
        condition = json.loads(text)
    except ValueError as error:
        raise Refused(400, "Invalid condition") from error
    if not isinstance(condition, list):
        raise Refused(400, "Invalid condition")
    return condition


def _fields_in(condition: Sequence[Any]) -> list[str]:
    try:
        return [term["field"]["field"] for term in condition if not isinstance(term, str)]
    except (KeyError, TypeError) as error:
        raise Refused(400, "Invalid condition") from error


def _holds(condition: Sequence[Any], row: Row) -> bool:
    groups: list[list[Any]] = [[]]
    for term in condition:
        if isinstance(term, str):
            if term.upper() == "OR":
                groups.append([])
        else:
            groups[-1].append(term)
    return any(all(_term_holds(term, row) for term in group) for group in groups)


def _term_holds(term: Mapping[str, Any], row: Row) -> bool:
    compare = OPERATORS.get(str(term.get("op")).upper())
    if compare is None:
        raise Refused(400, f"Invalid operator: {term.get('op')}")
    return compare(row.get(term["field"]["field"], ""), _wanted(term.get("value")))


def _wanted(value: Any) -> list[str]:
    if isinstance(value, Mapping) and "list" in value:
        return [as_text(entry.get("value")) for entry in value["list"]]
    return [as_text(value.get("value") if isinstance(value, Mapping) else value)]


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _order(left: str, right: str) -> int:
    a, b = _number(left), _number(right)
    if a is not None and b is not None:
        return (a > b) - (a < b)
    return (left.lower() > right.lower()) - (left.lower() < right.lower())


def _sort_key(text: str) -> tuple[bool, Decimal, str]:
    number = _number(text)
    return (number is None, number or Decimal(0), text.lower())


def _same(left: str, right: str) -> bool:
    return left.lower() == right.lower()


OPERATORS: dict[str, Callable[[str, list[str]], bool]] = {
    "=": lambda value, wanted: _same(value, wanted[0]),
    "<>": lambda value, wanted: not _same(value, wanted[0]),
    ">": lambda value, wanted: _order(value, wanted[0]) > 0,
    "<": lambda value, wanted: _order(value, wanted[0]) < 0,
    ">=": lambda value, wanted: _order(value, wanted[0]) >= 0,
    "<=": lambda value, wanted: _order(value, wanted[0]) <= 0,
    "IN": lambda value, wanted: any(_same(value, one) for one in wanted),
    "NOT IN": lambda value, wanted: not any(_same(value, one) for one in wanted),
    "IS": lambda value, wanted: value == "",
    "LIKE": lambda value, wanted: fnmatchcase(
        value.lower(), wanted[0].lower().replace("%", "*").replace("_", "?")
    ),
}

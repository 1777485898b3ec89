"""Where two JSON documents of one kind differ, field by field; pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Stands for a field that one of the two lacks.
ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field (`offer.products.0.price`) with its value in both, as JSON text; ABSENT where there is none.

    `in_kind`: one of them lacks it, or it is of another type there, and not only another value.
    """

    field: str
    here: str
    there: str
    in_kind: bool


def differences(here: Any, there: Any) -> list[Difference]:
    """What differs in kind first, then by field."""
    ours, theirs = dict(_flat(here)), dict(_flat(there))
    found = [_difference(name, ours, theirs) for name in {**ours, **theirs}]
    return sorted((one for one in found if one is not None), key=lambda one: (not one.in_kind, one.field))


def _difference(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Difference | None:
    here, there = _text(name, ours), _text(name, theirs)
    if here == there:
        return None
    return Difference(name, here, there, type(ours.get(name)) is not type(theirs.get(name)))


def _text(name: str, values: Mapping[str, Any]) -> str:
    return json.dumps(values[name], ensure_ascii=False) if name in values else ABSENT


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves by their paths; what is empty is a leaf, and null is no value."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if type(value) is list else ()
    if inner and value:
        for key, below in inner:
            yield from _flat(below, f"{where}.{key}" if where else str(key))
    elif value is not None and where:
        yield where, value

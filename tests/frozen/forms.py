"""The forms in which a store's fields are written: what an earlier version relies on when it reads them."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.frozen.dump import BINARY, MOMENT, RELATIVE, Keys

# What is written for people, and what is begun anew where it cannot be read.
FREE = frozenset({"t.r", "g.text", "alerts", "q"})
# Celery's and kombu's own.
FOREIGN = ("unacked", "_kombu")
# A field whose name is one of many: what it begins with, or nothing.
OF_MANY = re.compile(r"(?<=:).*|^[^a-z].*|^[A-Z].*|^\w{16}\.\d+$")
FORMS = (
    (re.compile(r"^[\w.-]+:\d+\S* \d+(?= )"), "PROCESS"),
    (re.compile(r"^order:\S+|^item:\S+"), "NAMED"),
    (re.compile(r"\b[0-9a-z]{16}\.\d+\b"), "ID"),
    # A token has twelve signs, of which one in three hundred has digits alone.
    (re.compile(r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b|\b[0-9a-f]{12}\b|\bmw[0-9a-z]{14}\b"), "HASH"),
    (RELATIVE, "N"),
    (MOMENT, "N"),
    (re.compile(r"\b\d+\.\d\d\b"), "MONEY"),
    (re.compile(r"\b\d+\b"), "N"),
)

Forms = Mapping[str, set[str]]


def forms(keys: Keys) -> Forms:
    """Every field, named by its key's prefix and its own, with the forms that it has."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, entry in keys.items():
        prefix = key.partition(":")[0]
        if not key.startswith((*FOREIGN, BINARY)):
            for field, value in _fields(entry):
                found[f"{prefix}.{field}".rstrip(".")].add(_form(value))
    return {field: some for field, some in found.items() if not {field, field.partition(".")[0]} & FREE}


def misread(before: Forms, now: Forms) -> list[str]:
    """What a version that wrote `before` misses or may misread in `now`; it minds no further fields."""
    gone = [f"{field} is no longer written" for field in before if field not in now]
    other = [
        f"{field} is written as {form!r} and was written as {sorted(known)}"
        for field, known in before.items()
        for form in sorted(now.get(field, set()) - known)
    ]
    return gone + other


def _fields(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a hash its fields, those of several names by what they begin with; else all of it under no name."""
    value = entry["value"]
    if entry["type"] == "hash":
        return [(OF_MANY.sub("", name), one) for name, one in value.items()]
    if entry["type"] == "string":
        return [("", value)]
    return [("", one if isinstance(one, str) else " ".join(one)) for one in value]


def _form(value: str) -> str:
    if value.startswith(BINARY):
        return "BINARY"
    if value.startswith(("{", "[")):
        return "JSON"
    for pattern, form in FORMS:
        value = pattern.sub(form, value)
    return value

"""The ledger row by row, kept outside of Redis and merged into another store: the backup of what was done.

Taken while the relay works: each row is as it was at one moment, and what is done later is not in it, so that
a store that was made from a copy is in look-first mode.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import redis

from app.errors import RelayError
from app.store.connection import store_errors
from app.store.records import text
from app.store.scripting import Scripts

# Hashes: subjects, contacts, products and their chosen names, custom fields, a known sale.
ROWS = ("l", "c", "p", "map", "f", "known")
# Plain values: when it all began, the proof of the look-up, which chosen names are meant.
BORN = "relay:born"
VALUES = ("live", "lookup", "map-version")
PAGE = 500


class NoLedger(RelayError):
    """What was read is no ledger of the relay; the message says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """A hash by its fields, or a plain value. `ends_ms`: when it expires (ms since 1970 UTC, 0: never)."""

    key: str
    fields: Mapping[str, str]
    value: str = ""
    ends_ms: int = 0


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a row: `new`, `merged`, `known` or `contradicts`, then with the reason."""

    fate: str
    reason: str = ""


def rows(client: redis.Redis, scripts: Scripts) -> Iterator[Row]:
    """Every row, some perhaps twice: Redis' own scan finds what was there all the time at least once."""
    with store_errors():
        for prefix in ROWS:
            for key in client.scan_iter(match=f"{prefix}:*", count=PAGE, _type="hash"):
                row = _row(text(key), scripts)
                if row.fields:
                    yield row
        for key in (BORN, *_values(client)):
            value = client.get(key)
            if value is not None:
                yield Row(key, {}, text(value))


def merge(client: redis.Redis, scripts: Scripts, mark: str, row: Row) -> Merged:
    """Brings one row in; idempotent. Raises NoLedger, InstanceMismatch, StoreUnavailable."""
    prefix = row.key.partition(":")[0]
    with store_errors():
        if prefix in ROWS and row.fields:
            flat = [part for pair in row.fields.items() for part in pair]
            answer = [text(part) for part in scripts.run("ledger_merge", mark, row.key, row.ends_ms, *flat)]
            if answer[0] == "contradicts":
                return Merged(
                    "contradicts", f"{row.key} {answer[1]}: here {answer[2]}, in the file {answer[3]}"
                )
            return Merged(answer[0])
        if prefix in VALUES or row.key == BORN:
            return Merged(_merge_value(client, row))
    raise NoLedger(f"{row.key!r} is no row of a ledger")


def _row(key: str, scripts: Scripts) -> Row:
    answer = scripts.run("ledger_row", key)
    fields = {text(answer[i]): text(answer[i + 1]) for i in range(1, len(answer), 2)}
    return Row(key, fields, ends_ms=max(int(answer[0]), 0) if answer else 0)


def _values(client: redis.Redis) -> Iterator[str]:
    for prefix in VALUES:
        yield from map(text, client.scan_iter(match=f"{prefix}:*", count=PAGE))


def _merge_value(client: redis.Redis, row: Row) -> str:
    """Of two beginnings the earlier one is true."""
    if client.set(row.key, row.value, nx=True):
        return "new"
    beginning = row.key == BORN or row.key.startswith("live:")
    earlier = beginning and int(row.value) < int(client.get(row.key) or 0)
    if earlier:
        client.set(row.key, row.value)
    return "merged" if earlier else "known"

"""A ledger's copy as JSON lines, compressed when the name ends in .gz; for app.cli only.

First a head with the version, last a line with the number of rows: what was cut off is not taken for whole.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.store.ledger_copy import NoLedger, Row

VERSION = 1


def write(file: Path, head: Mapping[str, Any], rows: Iterable[Row]) -> int:
    """Writes the rows and gives their number; the file has its name only when it is whole."""
    draft, number = file.with_name(f".{file.name}.part"), 0
    with _open(draft, "wt", compressed=file.suffix == ".gz") as out:
        out.write(json.dumps({"relay_ledger": VERSION, **head}) + "\n")
        for row in rows:
            out.write(json.dumps(_fields(row), separators=(",", ":")) + "\n")
            number += 1
        out.write(json.dumps({"rows": number}) + "\n")
    draft.replace(file)
    return number


def read(file: Path, mode: str = "") -> Iterator[Row]:
    """The rows; raises NoLedger at what is not as `write` makes it, at the latest at the end.

    Also where it was exported in another `mode` than this: its ids are strangers' in this account. Exports of
    earlier versions do not tell theirs.
    """
    try:
        with _open(file, "rt", compressed=file.suffix == ".gz") as lines:
            head = json.loads(next(lines, "{}"))
            if head.get("relay_ledger") != VERSION:
                raise NoLedger(f"{file} is no ledger that this version of the relay can read")
            if mode and head.get("mode", mode) != mode:
                raise NoLedger(f"{file} is of a {head['mode']} store and this relay is {mode}: not imported")
            number = 0
            for line in lines:
                fields = json.loads(line)
                if "rows" in fields:
                    if fields["rows"] == number:
                        return
                    break
                yield Row(
                    fields["key"], fields.get("fields", {}), fields.get("value", ""), fields.get("ends", 0)
                )
                number += 1
    except (OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise NoLedger(f"{file} cannot be read: {type(error).__name__}, {error}") from error
    raise NoLedger(f"{file} is cut off after {number} rows: take the export again")


def _fields(row: Row) -> dict[str, Any]:
    content: dict[str, Any] = {"fields": dict(row.fields)} if row.fields else {"value": row.value}
    return {"key": row.key, **content, **({"ends": row.ends_ms} if row.ends_ms else {})}


@contextmanager
def _open(file: Path, mode: str, *, compressed: bool) -> Iterator[IO[str]]:
    opened: Any = gzip.open(file, mode, encoding="utf-8") if compressed else file.open(mode, encoding="utf-8")
    with opened as stream:
        yield stream

"""CSV that a spreadsheet can open without harm; imports nothing of the relay, so that anyone may."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

# A spreadsheet takes a cell that begins like this for a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, header: bool = True) -> str:
    """The rows as CSV text, with a header of the columns' names unless told otherwise."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if header:
        writer.writerow(columns)
    writer.writerows([csv_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def csv_cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula, and without the signs that cut a file off."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text

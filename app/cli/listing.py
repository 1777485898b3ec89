"""Lists that a narrow terminal does not break: ids stay whole, long text stands beneath; for app.cli."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

Row = Sequence[str]
BENEATH = 100


def listing(columns: Row, rows: Sequence[tuple[Row, str]]) -> Iterator[str]:
    """The lines: cells in columns, each row with its text below it."""
    cells = [columns, *(row for row, _ in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield _line(columns, widths)
    for row, text in rows:
        yield _line(row, widths)
        yield from wrap(
            text, BENEATH, initial_indent="    ", subsequent_indent="    ", break_long_words=False
        )


def _line(row: Row, widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

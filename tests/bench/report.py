"""What the bench says: figures beside their goals, tables, Markdown and JSON; for tests.bench only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that has a goal. `met` is None when it could not be measured."""

    what: str
    value: str
    goal: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return {True: "met", False: "**missed**", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption, in order."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += ["| " + " | ".join(self.header) + " |", "|" + "---|" * len(self.header)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Part:
    """What one part of the bench found. `raw` is for the JSON file."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    broken: str = ""


def markdown(machine: dict[str, str], parts: Sequence[Part]) -> str:
    """The whole report: the goals first."""
    figures = [figure for part in parts for figure in part.figures]
    rows = [[figure.what, figure.value, figure.goal, figure.verdict] for figure in figures]
    facts = "; ".join(f"{key} {value}" for key, value in machine.items())
    sections = [f"# Bench\n\nMachine: {facts}.\n"]
    if rows:
        sections.append(Table("Goals", ("figure", "measured", "goal", ""), rows).markdown())
    sections += [f"Broken off: {part.broken}\n" for part in parts if part.broken]
    sections += [table.markdown() for part in parts for table in part.tables]
    return "\n".join(sections)


def write(directory: Path, machine: dict[str, str], parts: Sequence[Part]) -> str:
    """Write bench.md and bench.json into the directory; return the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(machine, parts)
    goals = [
        {"figure": f.what, "measured": f.value, "goal": f.goal, "met": f.met}
        for part in parts
        for f in part.figures
    ]
    raw = {"machine": machine, "goals": goals, "broken": [part.broken for part in parts if part.broken]}
    for part in parts:
        raw |= part.raw
    (directory / "bench.md").write_text(text)
    (directory / "bench.json").write_text(json.dumps(raw, indent=2) + "\n")
    return text

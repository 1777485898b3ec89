"""The logs of all processes on one screen, each line under its process's name; for app.cli only.

A reader that does not read (a paused terminal, a full pipe) must never stop the supervisor: lines are
dropped then, and counted.
"""

import os
import select

import click

_COLOURS = ("cyan", "green", "yellow", "blue", "magenta", "bright_cyan", "bright_green", "bright_yellow")
# POSIX: a pipe that polls as writable takes this much without blocking.
_CHUNK = 512
_PATIENCE_SECONDS = 0.2


class Console:
    """Writes lines to a file descriptor, aligned to `width` letters of name."""

    def __init__(self, width: int, fd: int = 1, colour: bool | None = None) -> None:
        self._fd = fd
        self._width = width
        self._colour = os.isatty(fd) and "NO_COLOR" not in os.environ if colour is None else colour
        self._names: dict[str, str] = {}
        self._dropped = 0

    def line(self, name: str, text: str) -> None:
        """Show one line of the process `name`; without a name it stands for itself."""
        self._write(f"{self._prefix(name)}{text}\n" if name else f"{text}\n")

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            label = f"{name:<{self._width}} | "
            colour = _COLOURS[len(self._names) % len(_COLOURS)]
            self._names[name] = click.style(label, fg=colour) if self._colour else label
        return self._names[name]

    def _write(self, line: str) -> None:
        if self._dropped:
            line = f"({self._dropped} lines were not shown: nobody read them)\n{line}"
        data = memoryview(line.encode("utf-8", "replace"))
        try:
            while data and self._writable():
                data = data[os.write(self._fd, data[:_CHUNK]) :]
        except OSError:
            # The terminal or the pipe is gone; the relay works on without it.
            return
        self._dropped = self._dropped + 1 if data else 0

    def _writable(self) -> bool:
        patience = 0 if self._dropped else _PATIENCE_SECONDS
        return bool(select.select([], [self._fd], [], patience)[1])

"""What this process last saw of the store: by that a copy of a moment ago is told from a plain restart.

A store that is started again knows when it last gave a sign of life. If that is earlier than what was seen of
it here, it lacks what was written in between. A file keeps what was seen for the next start of the relay.
"""

from contextlib import suppress
from pathlib import Path

from app.store.instance import remember, remembered

FILE = "store-seen"
# How often the file is written: so much of the store's time is not seen by the next start.
WRITTEN_EVERY_MS = 10_000


class Witness:
    """The server of the last dispatcher round and its time (ms since 1970 UTC, by the store's clock).

    '' and 0 before the first one, where no earlier process has left its word in `data_dir`.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self._data_dir = data_dir
        self.server, self.seen_ms = _read(data_dir) if data_dir else ("", 0)
        self._written = (self.server, self.seen_ms)

    def saw(self, server: str, seen_ms: int) -> None:
        """A round was acknowledged."""
        self.server, self.seen_ms = server, seen_ms
        before, written_ms = self._written
        if self._data_dir and (before != server or seen_ms - written_ms >= WRITTEN_EVERY_MS):
            self._written = (server, seen_ms)
            # It is a help for a person's mistakes: a full disk must not stop the dispatcher for it.
            with suppress(OSError):
                remember(self._data_dir, FILE, f"{server} {seen_ms}")


def _read(data_dir: Path) -> tuple[str, int]:
    server, _, seen = remembered(data_dir, FILE).partition(" ")
    return (server, int(seen)) if seen.isdecimal() else ("", 0)

"""A command as the one writer of a shared row, as a worker's transmission is; for app.services and above."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from app.store.connection import store_errors
from app.store.scripting import Scripts
from app.store.transmissions import pairs

# Two calls of a command, which end after 60 s each, and some time between them.
HOLD_MS = 150_000


@dataclass(frozen=True, slots=True)
class Held:
    """A row that nobody else writes: `fields` as they were when it was taken."""

    row: str
    fields: Mapping[str, str]
    _client: redis.Redis

    def write(self, name: str, value: str | int) -> None:
        """Sets one field of the row."""
        with store_errors():
            self._client.hset(self.row, name, value)


class Holds:
    """Takes rows for commands. Safe to share between threads."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, mark: str) -> None:
        self._client = client
        self._scripts = scripts
        self._mark = mark

    @contextmanager
    def hold(self, row: str) -> Iterator[Held | None]:
        """The row for as long as the block lasts, HOLD_MS at most; None while another one writes it."""
        name, token = f"command-{secrets.token_hex(8)}", secrets.token_hex(6)
        with store_errors():
            answer = self._scripts.run("hold", self._mark, name, token, row, HOLD_MS)
        if answer[0] != b"yours":
            yield None
            return
        try:
            yield Held(row, pairs(answer[1]), self._client)
        finally:
            with store_errors():
                self._client.delete(f"t:{name}")

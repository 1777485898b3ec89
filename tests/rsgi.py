"""A request as the server's event loop brings it, for tests without a server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from app.web.lane import Lane

Told = tuple[int, list[tuple[str, str]], bytes]


class Scope:
    """What is known of a request before its body; `path` as it stands in the request line."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path, _, self.query_string = path.partition("?")
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.http_version, self.scheme = "1.1", "http"
        self.server, self.client = "127.0.0.1:8000", "127.0.0.1:50000"


class Protocol:
    """The body, and the one answer."""

    def __init__(self, body: bytes | Exception) -> None:
        self._body = body
        self.told: Told | None = None

    async def __call__(self) -> bytes:
        if isinstance(self._body, Exception):
            raise self._body
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = await self()
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.told is None, "answered twice"
        self.told = status, sorted(headers), body


async def asked(lane: Lane, method: str, path: str, body: bytes | Exception = b"", **headers: str) -> Told:
    """The answer to one request; `headers` by name with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    protocol = Protocol(body)
    scope: Any = Scope(method, path, named)
    await lane.__rsgi__(scope, protocol)  # type: ignore[arg-type]  # a stand-in
    assert protocol.told is not None, "not answered"
    return protocol.told


def ask(lane: Lane, method: str, path: str, body: bytes | Exception = b"", **headers: str) -> Told:
    """The same on an event loop of its own."""
    return asyncio.run(asked(lane, method, path, body, **headers))

"""A request as the server's event loop brings it, for tests without a server."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Self, TypeVar

from flask import Flask, Response
from werkzeug.datastructures import Headers

from app.web.lane import Lane, lane_of

Value = TypeVar("Value")
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
        # A server tells the length itself where nobody has.
        self.told = status, sorted(one for one in headers if one[0] != "Content-Length"), body


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


class LoopClient:
    """Asks a receiver on one event loop, as long as it is open; the answers are those of Flask's client."""

    def __init__(self, app: Flask) -> None:
        self._lane = lane_of(app)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def post(self, path: str, *, data: bytes, headers: Mapping[str, str]) -> Response:
        """One delivery."""
        return self._ask("POST", path, data, {"Content-Length": str(len(data)), **headers})

    def get(self, path: str) -> Response:
        """A page."""
        return self._ask("GET", path, b"", {})

    def run(self, task: Coroutine[Any, Any, Value]) -> Value:
        """Whatever else is to be done on its loop."""
        return self._runner.run(task)

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        status, named, data = self.run(asked(self._lane, method, path, body, **headers))
        return Response(data, status, Headers(named))

"""Short JSON answers and the refusals of the receiver; for app.web only."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from flask import Response
from werkzeug.datastructures import Headers

FIXED_HEADERS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Server", "ultracart-relay"),
]


class Reply(NamedTuple):
    """An answer before it is Flask's or the server's: status, headers, body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def answer(self) -> Response:
        """The same for Flask."""
        return Response([self.body], self.status, Headers(self.headers))


def reply(status: int, body: Mapping[str, Any], extra: Iterable[tuple[str, str]] = ()) -> Reply:
    """JSON with the fixed headers; `extra` headers follow them."""
    return Reply(status, [*FIXED_HEADERS, *extra] if extra else FIXED_HEADERS, orjson.dumps(body))


def answer(status: int, body: Mapping[str, Any], extra: Iterable[tuple[str, str]] = ()) -> Response:
    """`reply` for Flask."""
    return reply(status, body, extra).answer()


class Refusal(Exception):
    """This delivery is not taken, and why, in words that may be shown to whoever asked."""

    def __init__(self, status: int, reason: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.extra = extra

    def reply(self) -> Reply:
        """As JSON: `{"error": reason}`."""
        return reply(self.status, {"error": self.reason}, self.extra)

    def answer(self) -> Response:
        """The same for Flask."""
        return self.reply().answer()

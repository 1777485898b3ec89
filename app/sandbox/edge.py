"""ONTRAPORT's edge, in front of Flask: counts, rate limit, and the faults that break a connection.

For app.sandbox only. A request that hits the control routes passes untouched.
"""

import io
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from werkzeug.wrappers import Response

from app.sandbox.faults import Fault, Fired, Seen
from app.sandbox.fields import CONTACT, PRODUCT, TRANSACTION
from app.sandbox.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/ontraport/1"
STANDING = "sandbox.standing"
FAULTS = "sandbox.faults"
OBJECTS = {"Contacts": CONTACT, "Products": PRODUCT, "Transactions": TRANSACTION, "transaction": TRANSACTION}


class Edge:
    """WSGI middleware; only the server of app.sandbox.server lets it break a connection."""

    prefix = PREFIX

    def __init__(self, app: "WSGIApplication", state: State) -> None:
        self._app = app
        self._state = state
        self._breakages: dict[str, Callable[[Fault, WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
            "hang": self._hang,
            "reset": self._reset,
            "late_commit": self._late_commit,
            "drip": self._drip,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request, or break it."""
        if not environ["PATH_INFO"].startswith(self.prefix + "/"):
            return self._app(environ, start_response)
        return self._serve(environ, start_response)

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        faults = self._admit(environ)
        self._state.patience.wait(faults.seconds("latency"))
        breakage = faults.first(*self._breakages)
        if breakage:
            return self._breakages[breakage.kind](breakage, environ, start_response)
        return self._app(environ, start_response)

    def _admit(self, environ: "WSGIEnvironment") -> Fired:
        self._state.traffic.arrived(self._route(environ))
        environ[STANDING] = standing = self._state.limiter.admit()
        # Who is over the limit is turned away by the limit, whatever the rules say.
        environ[FAULTS] = faults = self._state.faults.fire(see(environ)) if standing.allowed else Fired()
        return faults

    def _route(self, environ: "WSGIEnvironment") -> str:
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix(self.prefix)}"

    def _commit(self, environ: "WSGIEnvironment") -> Response:
        return Response.from_app(self._app, environ, buffered=True)

    def _hang(self, fault: Fault, environ: "WSGIEnvironment", _: "StartResponse") -> Iterable[bytes]:
        if fault.options["commit"]:
            self._commit(environ)
        self._state.patience.wait(fault.seconds)
        return _close(environ)

    def _reset(self, fault: Fault, environ: "WSGIEnvironment", _: "StartResponse") -> Iterable[bytes]:
        if fault.options["commit"]:
            self._commit(environ)
        connection = _connection(environ)
        # Zero linger makes the kernel send RST. The descriptor is closed behind the socket object's back: the
        # server's own files keep the object open, and its orderly shutdown would send FIN first.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        raise ConnectionAbortedError

    def _late_commit(self, fault: Fault, environ: "WSGIEnvironment", _: "StartResponse") -> Iterable[bytes]:
        self._state.patience.later(fault.seconds, partial(self._commit, dict(environ)))
        return _close(environ)

    def _drip(
        self, fault: Fault, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        answer = self._commit(environ)
        start_response(answer.status, answer.headers.to_wsgi_list())
        return self._drops(answer.get_data(), fault.seconds)

    def _drops(self, body: bytes, seconds: float) -> Iterator[bytes]:
        for position in range(len(body)):
            self._state.patience.wait(seconds)
            yield body[position : position + 1]


def _connection(environ: "WSGIEnvironment") -> socket.socket:
    connection: socket.socket = environ["werkzeug.socket"]
    return connection


def _close(environ: "WSGIEnvironment") -> Iterable[bytes]:
    # The caller may be gone already.
    with suppress(OSError):
        _connection(environ).shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def see(environ: "WSGIEnvironment") -> Seen:
    """The request as the rules see it; its body can still be read afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    text = body.decode("utf-8", "replace") + unquote_plus(query)
    return Seen(environ["REQUEST_METHOD"], path, text, _object_id(path.removeprefix(PREFIX), body, query))


def _object_id(path: str, body: bytes, query: str) -> int | None:
    collection = path.split("/")[1]
    if collection != "objects":
        return OBJECTS.get(collection)
    try:
        return int(parse_qs(query)["objectID"][0]) if "objectID" in query else int(_parsed(body)["objectID"])
    except (KeyError, TypeError, ValueError):
        return None


def _parsed(body: bytes) -> Any:
    return json.loads(body or b"null")

"""Flask's pages for the server's event loop, each in a thread; for app.web only.

No page takes a body, so none is read.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from flask import Flask

from app.web.answer import Refusal, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from granian.rsgi import Scope

THREADS = 8


class Unread:
    """The body of a request to a page. It is not read, and so never taken for an empty one."""

    def read(self, *_: object) -> bytes:
        """Raises Refusal 404."""
        raise Refusal(404, "nothing is taken here")


class Pages:
    """Answers what is no delivery."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(THREADS, "page")

    async def answer(self, scope: "Scope") -> Reply:
        """What Flask says to this request."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, environ_of(scope))

    def _ask(self, environ: "WSGIEnvironment") -> Reply:
        begun: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            begun[:] = int(status.split(" ", 1)[0]), headers

        body = b"".join(self._app(environ, begin))
        status, headers = begun
        return Reply(status, headers, body)


def environ_of(scope: "Scope") -> "WSGIEnvironment":
    """The request as WSGI tells it (https://peps.python.org/pep-3333/), without its body."""
    server, client = scope.server.rpartition(":"), scope.client.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[2],
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": Unread(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ

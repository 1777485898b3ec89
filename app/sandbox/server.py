"""The sandbox as a Flask application and the small server that runs it; for app.sandbox, app.cli and tests.

The server is Werkzeug's, one thread a connection, but it keeps connections alive.
"""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from app.sandbox import control, ontraport, ultracart, ultracart_control
from app.sandbox.edge import Edge
from app.sandbox.journal import Journal
from app.sandbox.ledger import Ledger, utc_now
from app.sandbox.ratelimit import RateLimiter
from app.sandbox.state import State
from app.sandbox.ultracart_edge import ShopEdge
from app.sandbox.ultracart_shop import Shop

DEFAULT_KEY = "sandbox"
DEFAULT_RATE = 180
IDLE_SECONDS = 75


def create_sandbox(
    rate: int = DEFAULT_RATE,
    app_id: str = DEFAULT_KEY,
    api_key: str = DEFAULT_KEY,
    simple_key: str = DEFAULT_KEY,
    clock: Callable[[], datetime] = utc_now,
    first_id: int = 1,
) -> Flask:
    """A sandbox of its own, with an empty ledger that counts from `first_id`, and an empty shop.

    `rate` requests per rolling minute to ONTRAPORT, 0 for no limit; the shop has UltraCart's own limits.
    """
    app = Flask(__name__, static_folder=None)
    shop = Shop(simple_key, clock)
    state = State(app_id, api_key, RateLimiter(rate), Ledger(clock, first_id), shop, Journal(clock))
    app.extensions["sandbox"] = state
    for part in (ontraport, ultracart, ultracart_control, control):
        app.register_blueprint(part.routes)
    app.wsgi_app = ShopEdge(Edge(app.wsgi_app, state), state)  # type: ignore[method-assign]
    return app


def make_sandbox_server(app: Flask, host: str = "127.0.0.1", port: int = 0) -> BaseWSGIServer:
    """A bound server (port 0: a free one, then in `.port`); call `serve_forever`. Writes no log."""
    return make_server(host, port, app, threaded=True, request_handler=KeepAliveHandler)


@contextmanager
def running_sandbox(rate: int = 0, **options: Any) -> Iterator[str]:
    """A sandbox in this process for the length of a `with`; gives its address, e.g. `http://127.0.0.1:40123`."""
    app = create_sandbox(rate, **options)
    server = make_sandbox_server(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        app.extensions["sandbox"].patience.reset()
        server.shutdown()
        thread.join()


class KeepAliveHandler(WSGIRequestHandler):
    """Werkzeug closes every connection after one answer; this one keeps it, as the real ONTRAPORT does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def run_wsgi(self) -> None:
        """Answer one request; a ConnectionError, from the network or from a fault, ends the connection."""
        try:
            environ = self._read_request()
            self._send(Response.from_app(self.server.app, environ))
        except ConnectionError:
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No log: the ledger tells what happened."""

    def _read_request(self) -> dict[str, Any]:
        # The whole body is read before anything else, or its rest would be taken for the next request.
        environ = self.make_environ()
        chunked = environ.pop("wsgi.input_terminated", False)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if chunked else self.rfile.read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return environ

    def _send(self, response: Response) -> None:
        self.send_response(response.status_code)
        for name, value in response.headers.to_wsgi_list():
            self.send_header(name, value)
        self.end_headers()
        for piece in response.iter_encoded():
            self.wfile.write(piece)
        response.close()

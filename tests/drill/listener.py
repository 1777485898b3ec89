"""Where the relay under drill tells its alerts: real HTTP, out of order now and then."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Every third message is refused, the first among them: it has to come again.
REFUSED_OF = 3


class Listener:
    """The messages as they came; `refused` are those that have to come again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came = 0
        self._taken: list[dict[str, Any]] = []
        self._refused: list[dict[str, Any]] = []
        self.url = ""

    def take(self, message: dict[str, Any]) -> int:
        """One message; the status that it is answered with."""
        with self._lock:
            self._came += 1
            refused = self._came % REFUSED_OF == 1
            (self._refused if refused else self._taken).append(message)
            return 503 if refused else 204

    def taken(self) -> list[dict[str, Any]]:
        """Each message once: one whose sender died on the way may come twice."""
        with self._lock:
            return [one for nth, one in enumerate(self._taken) if one not in self._taken[:nth]]

    def unheard(self) -> list[dict[str, Any]]:
        """What was refused and has not come again."""
        with self._lock:
            return [one for one in self._refused if one not in self._taken]

    def told(self, name: str) -> bool:
        """Whether that alert was told."""
        return any(alert["name"] == name for message in self.taken() for alert in message["alerts"])


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener at an address of its own."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(listener.take(json.loads(body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """The drill tells what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    listener.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()

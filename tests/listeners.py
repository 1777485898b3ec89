"""Who listens to the relay's messages in tests: an HTTP server and a mail server on this machine."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, cast


@dataclass
class Heard:
    """One request that came: its JSON, or None."""

    method: str
    path: str
    document: Any


@dataclass
class Listener:
    """An HTTP server that answers each path with `status` and keeps what it heard."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    status: Callable[[str], int] = lambda path: 200

    def at(self, path: str) -> list[Any]:
        """What was posted to this path."""
        return [one.document for one in self.heard if one.path == path]


@contextmanager
def listening() -> Iterator[Listener]:
    """A running HTTP server."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.heard.append(Heard(self.command, self.path, json.loads(body) if body else None))
            self.send_response(listener.status(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *args: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        listener.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield listener
        server.shutdown()
        thread.join()


@dataclass
class Postman:
    """A mail server that takes everything, or answers a verb as `answers` says, or says nothing at all.

    `sealed` are the mails that came over TLS.
    """

    port: int = 0
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    sealed: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def converse(self, lines: BinaryIO, answers: BinaryIO, greeting: str = "220 here") -> bool:
        """One session; True when it is to go on with TLS."""
        if self.silent:
            self.ended.wait(60)
            return False
        if greeting:
            _say(answers, greeting)
        for line in lines:
            verb = line.split()[0].decode().upper() if line.split() else ""
            if verb == "STARTTLS" and verb not in self.answers:
                _say(answers, "220 go on")
                return True
            if verb == "QUIT":
                _say(answers, "221 bye")
                return False
            if verb not in self.answers:
                self._take(verb, line, lines, answers)
            _say(answers, self.answers.get(verb, "250 fine"))
        return False

    def _take(self, verb: str, line: bytes, lines: BinaryIO, answers: BinaryIO) -> None:
        if verb == "RCPT":
            self.recipients.append(line.decode().split("<")[1].split(">")[0])
        if verb == "DATA":
            _say(answers, "354 go on")
            self.mails.append(b"".join(iter(lines.readline, b".\r\n")).decode())


def _say(answers: BinaryIO, text: str) -> None:
    answers.write(f"{text}\r\n".encode())


@contextmanager
def posting(tls: ssl.SSLContext | None = None, *, from_the_start: bool = False) -> Iterator[Postman]:
    """A running mail server; with `tls` it offers STARTTLS, or speaks TLS `from_the_start`."""
    postman = Postman()
    if tls and not from_the_start:
        postman.answers["EHLO"] = "250-here\r\n250 STARTTLS"

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                if tls and from_the_start:
                    self.converse_sealed(tls, "220 here")
                elif postman.converse(cast(BinaryIO, self.rfile), cast(BinaryIO, self.wfile)) and tls:
                    self.converse_sealed(tls, "")

        def converse_sealed(self, tls: ssl.SSLContext, greeting: str) -> None:
            before = len(postman.mails)
            with tls.wrap_socket(self.connection, server_side=True) as sealed:
                postman.converse(
                    cast(BinaryIO, sealed.makefile("rb")),
                    cast(BinaryIO, sealed.makefile("wb", buffering=0)),
                    greeting,
                )
            postman.sealed += len(postman.mails) - before

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        postman.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield postman
        postman.ended.set()
        server.shutdown()
        thread.join()

"""A server that answers 200 and does nothing: what the load generator itself can do; run by tests.bench."""

import socket
import sys
from selectors import EVENT_READ, DefaultSelector

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"accepted":1}'


class Client:
    """One connection: knows how many bytes of the request in progress are still to come."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._missing = 0

    def serve(self) -> bool:
        """Take what has arrived, answer when the request is whole; False when the client is gone."""
        chunk = self.socket.recv(262144)
        if not self._missing:
            head, _, _ = chunk.partition(b"\r\n\r\n")
            self._missing = len(head) + 4 + int(head.rpartition(b"Content-Length: ")[2] or 0)
        self._missing -= len(chunk)
        if chunk and not self._missing:
            self.socket.sendall(ANSWER)
        return bool(chunk)


def main(port: int) -> None:
    """Serve on 127.0.0.1 until killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    selector = DefaultSelector()
    selector.register(listener, EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                connection, _ = listener.accept()
                selector.register(connection, EVENT_READ, Client(connection))
            elif not key.data.serve():
                selector.unregister(key.data.socket)
                key.data.socket.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))

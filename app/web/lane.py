"""The short way from the server to the receiver, past Flask; for app.web only.

Finding the view, the contexts of application and request and the request object cost Flask as much as reading
a delivery costs the receiver. So a POST to a known door is taken here; whatever else comes is Flask's, which
knows the same paths.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.ultracart.webhooks import PATH
from app.web.answer import Answer
from app.web.hooks import Receiver

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Lane:
    """A WSGI application in front of Flask's. `failed` answers for an error that nobody foresaw."""

    def __init__(
        self, receiver: Receiver, flask: "WSGIApplication", failed: Callable[[Exception], Answer]
    ) -> None:
        self._receiver = receiver
        self._flask = flask
        self._failed = failed
        self._doors = {path(merchant_id): merchant_id for merchant_id in receiver.merchants}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        known = environ["PATH_INFO"] in self._doors and environ["REQUEST_METHOD"] == "POST"
        if not known or environ.get("SCRIPT_NAME"):
            return self._flask(environ, start_response)
        try:
            answer = self._receiver.receive(self._doors[environ["PATH_INFO"]], environ)
        except Exception as error:
            answer = self._failed(error)
        return answer(environ, start_response)


def path(merchant_id: str | None) -> str:
    """Where a merchant's deliveries come in."""
    return PATH if merchant_id is None else f"{PATH}/{merchant_id}"

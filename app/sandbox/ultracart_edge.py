"""The shop's edge: its limits, its counts, the faults that break a connection; for app.sandbox only."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from app.sandbox.edge import FAULTS, Edge, see
from app.sandbox.faults import Fired

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/ultracart/rest/v2"
CLOSED = "sandbox.ultracart.closed"


class ShopEdge(Edge):
    """Lets one request at a time into the shop; what is not for the shop passes untouched."""

    prefix = PREFIX

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        shop = self._state.shop
        environ[CLOSED] = closed = shop.door.enter()
        if closed:
            shop.traffic.arrived(self._route(environ))
            environ[FAULTS] = Fired()
            return self._app(environ, start_response)
        try:
            # The answer is made in here, and sent outside: who has read it whole may send the next request.
            return super()._serve(environ, start_response)
        finally:
            shop.door.leave()

    def _admit(self, environ: "WSGIEnvironment") -> Fired:
        self._state.shop.traffic.arrived(self._route(environ))
        environ[FAULTS] = faults = self._state.faults.fire(see(environ))
        return faults

    def _drops(self, body: bytes, seconds: float) -> Iterator[bytes]:
        self._state.shop.door.stay()
        try:
            yield from super()._drops(body[:-1], seconds)
        finally:
            self._state.shop.door.leave()
        self._state.patience.wait(seconds)
        yield body[-1:]

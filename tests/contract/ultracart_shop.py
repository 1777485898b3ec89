"""The stand-in shop as a test uses it: filled, looked into, asked by the client."""

from contextlib import nullcontext
from typing import Any

import requests

from app.settings import Secret
from app.ultracart.client import Permit, UltracartClient, shop_transport
from tests.contract.ontraport_client_server import Attempt
from tests.servers import wait_until

KEY = "key-of-the-test-shop"


def client_of(base: str, key: str = KEY, **options: Any) -> UltracartClient:
    """A client that does not wait for long."""
    secret = Secret(key)
    transport = shop_transport(base, secret, **({"call_seconds": 5.0, "connect_seconds": 1.0} | options))
    return UltracartClient(base, secret, transport=transport)


class Permits:
    """Gives permits that remember what is recorded."""

    def __init__(self, **attempt: Any) -> None:
        self.attempt = Attempt(**attempt)

    def __call__(self) -> Permit:
        return nullcontext(self.attempt)


class Shop:
    """The control routes of one sandbox."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rest = f"{url}/ultracart/rest/v2"

    def fill(self, **collections: list[dict[str, Any]]) -> None:
        self._control("POST", "/ultracart/fill", collections)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._control("GET", "/ultracart/state").json()
        return found

    def rows(self, collection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._control("GET", f"/ultracart/rows/{collection}").json()
        return found

    def limits(self, **limits: int) -> None:
        self._control("POST", "/ultracart/limits", limits)

    def fault(self, do: dict[str, Any], path: str = "", **rule: Any) -> None:
        self._control("POST", "/faults", [{"match": {"path": path}, "do": do, **rule}])

    def reset(self) -> None:
        """An empty shop; requests that a fault held up have ended."""
        self._control("POST", "/reset", {})
        wait_until(lambda: self.state()["requests"]["inside"] == 0, what="the end of old requests")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A request as it is, with valid headers unless they are changed."""
        sent = {"x-ultracart-simple-key": KEY, "X-UltraCart-Api-Version": "2017-03-01"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, self.rest + path, json=body, headers=sent, timeout=10)

    def _control(self, method: str, path: str, body: Any = None) -> requests.Response:
        answer = requests.request(method, self.url + path, json=body, timeout=10)
        answer.raise_for_status()
        return answer

"""One HTTP exchange with a vendor: a request goes, an `Answer` comes back; for the vendors' clients.

Failures of the network are values here and not exceptions: the texts and causes of those carry the
address with the customer's e-mail in it, and would end in a traceback.
"""

import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPException, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from socket import gaierror
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.util import Timeout

from app.http.answers import Answer, Call
from app.http.connection import FLIGHT, BoundedAdapter, Flight, OversizeAnswer
from app.http.context import CallContext, boot_seconds

_STANDING = {
    "User-Agent": "ultracart-relay",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}
_NETWORK_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (OversizeAnswer, "the answer is too large"),
    (gaierror, "the host name cannot be resolved"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionRefusedError, "the connection was refused"),
    (TimeoutError, "time-out"),
    (RemoteDisconnected, "the connection was closed before an answer came"),
    (ConnectionError, "the connection was reset"),
    (NewConnectionError, "no connection could be made"),
)

# urllib3 writes addresses into its log, and ours hold e-mail addresses in their conditions.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda record: False)


class Transport:
    """The pooled session of one account in this process; shared by all its threads.

    `headers` go with every request, the keys among them; `most_bytes` is the largest body of an answer.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        call_seconds: float = 75.0,
        connect_seconds: float = 5.0,
        pool_size: int = 16,
        verify: bool | str = True,
        most_bytes: int = 2 * 1024 * 1024,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._call_seconds = call_seconds
        self._connect_seconds = connect_seconds
        self._verify = verify
        self._most_bytes = most_bytes
        self._session = _session(headers, self._base, pool_size)

    def send(self, call: Call, context: CallContext) -> Answer:
        """Send `call` once and wait for the whole answer, at most until the nearer deadline.

        Raises LeaseLost, from `context.check()`, and then nothing was sent.
        """
        body = encode(call)
        deadline = min(boot_seconds() + self._call_seconds, context.deadline)
        flight = Flight(context, deadline, self._most_bytes)
        with _on(flight):
            try:
                response = self._request(call, body, flight)
            except _NETWORK_ERRORS as error:
                return Answer(error=_describe(error), sent=flight.sent)
            return _read(response, self._most_bytes)

    def close(self) -> None:
        """Closes what is idle in the pool."""
        self._session.close()

    def _request(self, call: Call, body: bytes | None, flight: Flight) -> requests.Response:
        remaining = _time_to_start(flight)
        return self._session.request(
            call.method,
            self._base + target(call),
            data=body,
            timeout=Timeout(connect=min(self._connect_seconds, remaining), read=remaining),  # type: ignore[arg-type]
            stream=True,
            allow_redirects=False,
            verify=self._verify,
        )


class _OneStepSession(requests.Session):
    """A session that does not so much as look where a redirect points: it may point anywhere."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def target(call: Call) -> str:
    """The path below the base address, with the query as it is sent."""
    return f"{call.path}?{urlencode(call.query)}" if call.query else call.path


def encode(call: Call) -> bytes | None:
    """The JSON body as it is sent; Decimals become text, so that no digit is lost."""
    if call.body is None:
        return None
    return json.dumps(call.body, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"no JSON for {type(value).__name__}")


def _session(headers: Mapping[str, str], base: str, pool_size: int) -> requests.Session:
    session = _OneStepSession()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(_STANDING | dict(headers))
    prefix = requests.Request("GET", f"{base}/").prepare().url or base
    session.adapters.clear()
    session.mount(prefix, BoundedAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0))
    return session


@contextmanager
def _on(flight: Flight) -> Iterator[None]:
    token = FLIGHT.set(flight)
    try:
        yield
    finally:
        FLIGHT.reset(token)


def _time_to_start(flight: Flight) -> float:
    """Seconds for the call; a lease that has already run out is told as such, not as a time-out."""
    try:
        return flight.remaining()
    except TimeoutError:
        flight.context.check()
        raise


def _read(response: requests.Response, most_bytes: int) -> Answer:
    """Read the body within the flight's deadline; what arrived of a broken one is kept for the log."""
    body, problem = bytearray(), ""
    try:
        for piece in response.iter_content(64 * 1024):
            body += piece
            if len(body) > most_bytes:
                raise OversizeAnswer
    except _NETWORK_ERRORS as error:
        problem = _describe(error)
    finally:
        response.close()
    return Answer(response.status_code, response.headers, bytes(body), problem, sent=True)


def _describe(error: BaseException) -> str:
    """Our own words for the cause; the texts of the libraries hold addresses with personal data."""
    causes = list(_causes(error))
    for kind, words in _WORDS:
        if any(isinstance(cause, kind) for cause in causes):
            return words
    return f"the answer could not be read ({type(causes[-1]).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what lies beneath it; requests and urllib3 put causes into `reason` and `args`."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]

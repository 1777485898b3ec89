"""Messages to a URL: as JSON, as Slack's text, and the ping of the dead man's switch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.channels.channel import SEND_SECONDS
from app.errors import LeaseLost
from app.events import Exchange
from app.http.answers import Call
from app.http.context import boot_seconds
from app.http.transport import Transport
from app.settings import Secret

LONGEST_ANSWER = 64 * 1024


@dataclass
class Unrecorded:
    """The permission for a call of which nothing is kept: its address may hold a key."""

    deadline: float

    def check(self) -> None:
        """Nothing but time forbids it. Raises LeaseLost."""
        if boot_seconds() >= self.deadline:
            raise LeaseLost("no time was left to send it")

    def record(self, exchange: Exchange) -> None:
        """Keeps nothing."""


class Target:
    """One address, called as it stands."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def call(self, method: str, body: Mapping[str, Any] | None = None, seconds: float = SEND_SECONDS) -> str:
        """One request within `seconds`; '' for any 2xx, else why not, in words without the address."""
        way = Transport(self._origin, {}, pool_size=1, most_bytes=LONGEST_ANSWER)
        try:
            answer = way.send(Call(method, self._path, body), Unrecorded(boot_seconds() + seconds))
        except LeaseLost as error:
            return str(error)
        finally:
            way.close()
        if answer.status is None:
            return answer.error
        return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"


class JsonChannel:
    """Posts the whole document as JSON."""

    def __init__(self, url: Secret) -> None:
        self._target = Target(url.reveal())

    def send(self, document: Mapping[str, Any]) -> str:
        """Posts it; any 2xx is taken."""
        return self._target.call("POST", document)


class SlackChannel:
    """Posts the text alone, as Slack's incoming webhooks want it.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """

    def __init__(self, url: Secret) -> None:
        self._target = Target(url.reveal())

    def send(self, document: Mapping[str, Any]) -> str:
        """Posts it; any 2xx is taken."""
        return self._target.call("POST", {"text": document["text"]})

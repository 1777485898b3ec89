"""Posting a delivery to the local receiver as UltraCart does; for the commands of app.cli only."""

import base64
from dataclasses import dataclass
from typing import Any

import requests

from app.cli.supervisor.claims import LOOPBACK
from app.errors import SettingsError
from app.settings import Merchant, Settings
from app.ultracart.webhooks import PATH

# What UltraCart itself waits for an answer.
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: the status, or 0 when nobody listens; `body` is its JSON, or text."""

    status: int
    body: Any

    @property
    def words(self) -> str:
        """The answer in one line."""
        if not self.status:
            return str(self.body)
        if self.status != 200 or not isinstance(self.body, dict):
            return f"{self.status} {self.body}"
        counts = [f"{self.body[key]} {key}" for key in self.body if key != "ids" and self.body[key]]
        return f"{self.status} {', '.join(counts) or 'nothing in it'}"


def local_session() -> requests.Session:
    """A session for this machine's own servers: no proxy and no .netrc stands between."""
    session = requests.Session()
    session.trust_env = False
    return session


def choose_merchant(settings: Settings, merchant_id: str) -> Merchant:
    """The merchant of that id; without one the main or only merchant. Raises SettingsError."""
    wanted = merchant_id or settings.ultracart_merchant_id
    if wanted not in settings.merchants:
        known = ", ".join(settings.merchants) or "none"
        raise SettingsError(f"which merchant? --merchant ID is one of: {known}")
    return settings.merchants[wanted]


def post_delivery(settings: Settings, merchant: Merchant, body: bytes) -> Answer:
    """Post one body with the merchant's credentials; never raises for what the network does."""
    url = f"http://{LOOPBACK}:{settings.port}{PATH}/{merchant.id}"
    pair = f"{merchant.webhook_username}:{merchant.webhook_passwords[0].reveal()}".encode()
    headers = {
        "Authorization": f"Basic {base64.b64encode(pair).decode()}",
        "Content-Type": "application/json",
    }
    with local_session() as session:
        try:
            answer = session.post(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return Answer(0, f"nobody answers on port {settings.port} ({type(error).__name__})")
    try:
        return Answer(answer.status_code, answer.json())
    except requests.JSONDecodeError:
        return Answer(answer.status_code, answer.text[:500])

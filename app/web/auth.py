"""HTTP Basic credentials, compared in constant time: the webhook's and the operator's; for app.web only.

Without CONSOLE_PASSWORD the console and the API answer to this machine alone.
"""

import binascii
import secrets
from base64 import b64decode
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from app.http.hosts import is_loopback, is_this_machine
from app.settings import Merchant, Secret
from app.web.answer import Refusal

LONGEST_HEADER = 4096
# Flower knows the same name.
OPERATOR = "relay"
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")
CHALLENGE = (("WWW-Authenticate", 'Basic realm="ultracart-relay", charset="UTF-8"'),)


class Basic:
    """Knows a user name and its passwords, as keyed digests only.

    Comparing digests of one length hides how long the secret is and where a guess differs. Without a user
    name or a password nobody gets in. Names and passwords are accepted in UTF-8 and in Latin-1, since
    senders disagree about it (https://www.rfc-editor.org/rfc/rfc7617#section-2.1).
    """

    def __init__(self, name: str, passwords: Iterable[Secret]) -> None:
        self._key = secrets.token_bytes(32)
        self._names = self._digests([name] if name else [])
        self._passwords = self._digests([secret.reveal() for secret in passwords if secret])

    def check(self, header: str | None) -> None:
        """Return when the `Authorization` header holds the credentials; raise Refusal 401 otherwise."""
        presented = credentials(header)
        if presented is None or not self._matches(*presented):
            raise Refusal(401, "credentials are missing or wrong", CHALLENGE)

    def _matches(self, name: bytes, password: bytes) -> bool:
        """Both halves are always compared with every candidate, whatever the first comparison says."""
        known_name = self._any(self._names, name)
        known_password = self._any(self._passwords, password)
        return known_name & known_password

    def _any(self, candidates: tuple[bytes, ...], presented: bytes) -> bool:
        digest = self._digest(presented)
        found = False
        for candidate in candidates:
            found |= compare_digest(candidate, digest)
        return found

    def _digests(self, texts: Iterable[str]) -> tuple[bytes, ...]:
        return tuple(self._digest(spelling) for text in texts for spelling in spellings(text))

    def _digest(self, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=32).digest()


class Guard(Basic):
    """Lets in who presents a merchant's webhook credentials."""

    def __init__(self, merchant: Merchant) -> None:
        super().__init__(merchant.webhook_username, merchant.webhook_passwords)


class OperatorGuard:
    """Lets in who operates the relay: user `relay` with CONSOLE_PASSWORD, without one this machine alone."""

    def __init__(self, password: Secret) -> None:
        self._basic = Basic(OPERATOR, [password]) if password else None

    def check(self, environ: Mapping[str, Any]) -> None:
        """Return when the request may pass; raise Refusal 401 or 403 otherwise."""
        if self._basic:
            self._basic.check(environ.get("HTTP_AUTHORIZATION"))
        elif not _from_here(environ):
            raise Refusal(403, "CONSOLE_PASSWORD is not set: this answers to the machine itself only")


def _from_here(environ: Mapping[str, Any]) -> bool:
    """Asked by this machine under its own name: no proxy stands between, no stranger's page asks for it."""
    forwarded = any(environ.get(name) for name in FORWARDED)
    host = _host_name(environ.get("HTTP_HOST", ""))
    return not forwarded and is_loopback(environ.get("REMOTE_ADDR", "")) and is_this_machine(host)


def _host_name(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def spellings(text: str) -> list[bytes]:
    """The text in UTF-8, and in Latin-1 where that exists and differs."""
    encoded = [text.encode()]
    if not text.isascii() and all(ord(letter) < 256 for letter in text):
        encoded.append(text.encode("latin-1"))
    return encoded


def credentials(header: str | None) -> tuple[bytes, bytes] | None:
    """User name and password of a `Basic` header; None when it is anything else."""
    if header is None or len(header) > LONGEST_HEADER:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = b64decode(token.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None

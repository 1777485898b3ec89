"""HTTP Basic credentials of the webhook, compared in constant time; for app.web only."""

import binascii
import secrets
from base64 import b64decode
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest

from app.settings import Merchant
from app.web.answer import Refusal

LONGEST_HEADER = 4096
CHALLENGE = (("WWW-Authenticate", 'Basic realm="ultracart-relay", charset="UTF-8"'),)


class Guard:
    """Knows one merchant's user name and passwords, as keyed digests only.

    Comparing digests of one length hides how long the secret is and where a guess differs. A merchant without
    user name or password lets nobody in. Names and passwords are accepted in UTF-8 and in Latin-1, since
    senders disagree about it (https://www.rfc-editor.org/rfc/rfc7617#section-2.1).
    """

    def __init__(self, merchant: Merchant) -> None:
        self._key = secrets.token_bytes(32)
        passwords = [secret.reveal() for secret in merchant.webhook_passwords if secret]
        self._names = self._digests([merchant.webhook_username] if merchant.webhook_username else [])
        self._passwords = self._digests(passwords)

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

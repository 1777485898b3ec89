"""The record of one exchange, without secrets and at most 64 kB a body; for the vendors' clients."""

import re
from collections.abc import Sequence
from datetime import datetime

from app.events import Exchange
from app.http.answers import Answer, Call
from app.http.transport import encode, target

MAX_RECORDED_BYTES = 64_000
_SHORTEST_SECRET = 6
_LIMITS = ("x-rate-limit-", "retry-after")
_LONGEST_LIMIT = 40
# Cards' last digits and expiry (ccNumber, card_expiration_month …), and the passwords of webhooks.
_PRIVATE = re.compile(
    r'("(?:(?:cc|card|cvv|cvc)[a-z_]*|[a-z_]*(?:password|secret)[a-z_]*)"\s*:\s*)'
    r'("(?:[^"\\]|\\.)*"|-?\d[\d.]*)',
    re.IGNORECASE,
)


def exchange_of(
    call: Call, answer: Answer, secrets: Sequence[str], started_at: datetime, milliseconds: int
) -> Exchange:
    """The exchange as it is kept. Of the headers only what the answer says of limits."""
    return Exchange(
        method=call.method,
        path=_shown(target(call), secrets),
        request=_shown((encode(call) or b"").decode(), secrets),
        status=answer.status,
        answer=_shown(answer.text, secrets),
        started_at=started_at,
        milliseconds=milliseconds,
        error=answer.error,
        limits=_limits(answer),
    )


def _limits(answer: Answer) -> dict[str, str]:
    """What a refusal says of the budget; an answer that is none costs no room for it."""
    if answer.status is None or answer.status < 400:
        return {}
    return {
        name: value[:_LONGEST_LIMIT]
        for name, value in answer.headers.items()
        if name.casefold().startswith(_LIMITS)
    }


def _shown(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    # Twice as much as is kept: what is redacted becomes shorter.
    text = _PRIVATE.sub(r'\1"***"', text[: 2 * MAX_RECORDED_BYTES])
    return text.encode()[:MAX_RECORDED_BYTES].decode("utf-8", "ignore")

"""The record of one exchange, without secrets and at most 64 kB a body; for the client only."""

import re
from datetime import datetime

from app.events import Exchange
from app.ontraport.answers import Answer, Call
from app.ontraport.transport import encode, target
from app.settings import OntraportAccount

MAX_RECORDED_BYTES = 64_000
_SHORTEST_SECRET = 6
# A contact's record carries its card's last digits and expiry (ccNumber, ccExpirationMonth …).
_CARD = re.compile(r'("(?:cc|card|cvv|cvc)[a-z_]*"\s*:\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.]*)', re.IGNORECASE)


def exchange_of(
    call: Call, answer: Answer, account: OntraportAccount, started_at: datetime, milliseconds: int
) -> Exchange:
    """The exchange as it is kept. Headers are not part of it: they carry the keys."""
    return Exchange(
        method=call.method,
        path=_shown(target(call), account),
        request=_shown((encode(call) or b"").decode(), account),
        status=answer.status,
        answer=_shown(answer.text, account),
        started_at=started_at,
        milliseconds=milliseconds,
        error=answer.error,
    )


def _shown(text: str, account: OntraportAccount) -> str:
    for secret in (account.api_key.reveal(), account.app_id.reveal()):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    text = _CARD.sub(r'\1"***"', text)
    return text.encode()[:MAX_RECORDED_BYTES].decode("utf-8", "ignore")

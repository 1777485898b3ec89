"""The record of one exchange with an ONTRAPORT account; for the client only."""

from datetime import datetime

from app.events import Exchange
from app.http import exchanges
from app.http.answers import Answer, Call
from app.settings import OntraportAccount


def exchange_of(
    call: Call, answer: Answer, account: OntraportAccount, started_at: datetime, milliseconds: int
) -> Exchange:
    """The exchange as it is kept, without the account's keys."""
    keys = (account.api_key.reveal(), account.app_id.reveal())
    return exchanges.exchange_of(call, answer, keys, started_at, milliseconds)

"""The way to an ONTRAPORT account: its address and its keys on app.http's transport; for the client only."""

from typing import Any

from app.http.transport import Transport as HttpTransport
from app.settings import OntraportAccount


class Transport(HttpTransport):
    """The pooled session of one account in this process; `options` are those of app.http's transport."""

    def __init__(self, account: OntraportAccount, **options: Any) -> None:
        keys = {"Api-Appid": account.app_id.reveal(), "Api-Key": account.api_key.reveal()}
        super().__init__(account.base_url, keys, **options)

"""Look-first mode: since when the ledger may lack what was done, so that the CRM is asked first."""

from datetime import datetime

import redis

from app.store.connection import store_errors
from app.store.instance import LOOK_FIRST, milliseconds_now
from app.store.records import moment


def since(client: redis.Redis) -> datetime | None:
    """When the store last lost writes (UTC): what is older is looked up; None when it is off."""
    with store_errors():
        found = client.get(LOOK_FIRST)
    return moment(found) if found else None


def begin(client: redis.Redis) -> None:
    """The store lost writes before now. Nothing is handed out for 105 s: calls under way then end first."""
    with store_errors():
        client.set(LOOK_FIRST, milliseconds_now(client))


def end(client: redis.Redis) -> None:
    """A person's word that the ledger is whole."""
    with store_errors():
        client.delete(LOOK_FIRST)

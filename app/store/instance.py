"""Whose store this is (a mark in Redis, in the data directory and in RELAY_INSTANCE), and since when."""

import secrets
from datetime import datetime
from pathlib import Path

import redis

from app.errors import InstanceMismatch
from app.store.connection import INSTANCE_HELP, store_errors
from app.store.records import milliseconds, moment, text

KEY = "relay:instance"


def known_mark(data_dir: Path, configured: str) -> str:
    """What this relay knows of itself: RELAY_INSTANCE first, then the data directory, else ''."""
    file = data_dir / "instance"
    return configured or (file.read_text().strip() if file.exists() else "")


def open_store(client: redis.Redis, data_dir: Path, configured: str) -> str:
    """The mark under which this relay may write; a first start makes one. Idempotent.

    Raises InstanceMismatch when Redis came back empty or is another relay's, StoreUnavailable when it is
    down.
    """
    known = known_mark(data_dir, configured)
    with store_errors():
        stored = client.get(KEY)
    if stored is None and known:
        raise InstanceMismatch(INSTANCE_HELP)
    if stored is None:
        return accept_empty(client, data_dir, configured)
    if known and text(stored) != known:
        raise InstanceMismatch(INSTANCE_HELP)
    _remember(data_dir, text(stored))
    return text(stored)


def accept_empty(client: redis.Redis, data_dir: Path, configured: str) -> str:
    """Makes this Redis ours, under RELAY_INSTANCE or a new mark; an existing mark stays."""
    fresh = configured or secrets.token_hex(12)
    with store_errors():
        client.set(KEY, fresh, nx=True)
        client.set("relay:born", milliseconds_now(client), nx=True)
        stored = client.get(KEY)
    mark = text(stored) if stored else fresh
    _remember(data_dir, mark)
    return mark


def live_since(client: redis.Redis, account: str, configured: datetime | None, now: datetime) -> datetime:
    """When the account was switched on: LIVE_SINCE, else the time of its first start, kept in Redis (UTC)."""
    if configured is not None:
        return configured
    with store_errors():
        # Whole seconds, as the shop's dates are: what is paid in the same second is not before it.
        client.set(f"live:{account}", milliseconds(now.replace(microsecond=0)), nx=True)
        return moment(client.get(f"live:{account}") or milliseconds(now))


def born(client: redis.Redis) -> datetime:
    """When this ledger began: an older order is looked up in the CRM before its sale is logged (UTC)."""
    with store_errors():
        return moment(client.get("relay:born") or 0)


def milliseconds_now(client: redis.Redis) -> int:
    """The store's own clock, milliseconds since 1970 UTC."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def _remember(data_dir: Path, mark: str) -> None:
    file = data_dir / "instance"
    if file.exists() and file.read_text().strip() == mark:
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f"instance.{secrets.token_hex(4)}"
    draft.write_text(mark + "\n")
    draft.replace(file)

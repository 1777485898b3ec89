"""Whose store this is (a mark in Redis, in the data directory and in RELAY_INSTANCE), and since when."""

import secrets
from datetime import datetime
from pathlib import Path

import redis

from app.errors import InstanceMismatch
from app.store.connection import INSTANCE_HELP, store_errors
from app.store.records import milliseconds, moment, text

KEY = "relay:instance"
# The mark that this store's one took the place of: other machines that know that one come good by themselves.
REPLACES = "relay:replaces"
LOOK_FIRST = "relay:look_first"


def known_mark(data_dir: Path, configured: str) -> str:
    """What this relay knows of itself: RELAY_INSTANCE first, then the data directory, else ''."""
    return configured or remembered(data_dir, "instance")


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
        return _begin(client, data_dir, configured)
    if known and text(stored) != known and not _succeeds(client, known):
        raise InstanceMismatch(INSTANCE_HELP)
    remember(data_dir, "instance", text(stored))
    return text(stored)


def accept_empty(client: redis.Redis, data_dir: Path, configured: str) -> str:
    """Makes this Redis ours in place of one that is lost: under RELAY_INSTANCE or a new mark; an existing one
    stays. What happened until now is looked up in the CRM before it is written.
    """
    known = known_mark(data_dir, configured)
    with store_errors():
        if known and not configured:
            client.set(REPLACES, known)
        client.set(LOOK_FIRST, milliseconds_now(client))
    return _begin(client, data_dir, configured)


def live_since(
    client: redis.Redis, data_dir: Path, account: str, configured: datetime | None, now: datetime
) -> datetime:
    """When the account was switched on: LIVE_SINCE, else the time of its first start (UTC).

    That is kept in Redis and in the data directory: an empty Redis does not switch it on anew, or what was
    paid but not delivered before would never be.
    """
    if configured is not None:
        return configured
    file = f"live-{account.replace(':', '-')}"
    # Whole seconds, as the shop's dates are: what is paid in the same second is not before it.
    first = remembered(data_dir, file) or str(milliseconds(now.replace(microsecond=0)))
    with store_errors():
        client.set(f"live:{account}", first, nx=True)
        kept = text(client.get(f"live:{account}") or first)
    remember(data_dir, file, kept)
    return moment(kept)


def born(client: redis.Redis) -> datetime:
    """When this ledger began: an older order is looked up in the CRM before its sale is logged (UTC)."""
    with store_errors():
        return moment(client.get("relay:born") or 0)


def milliseconds_now(client: redis.Redis) -> int:
    """The store's own clock, milliseconds since 1970 UTC."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def _begin(client: redis.Redis, data_dir: Path, configured: str) -> str:
    fresh = configured or secrets.token_hex(12)
    with store_errors():
        client.set(KEY, fresh, nx=True)
        client.set("relay:born", milliseconds_now(client), nx=True)
        stored = client.get(KEY)
    mark = text(stored) if stored else fresh
    remember(data_dir, "instance", mark)
    return mark


def _succeeds(client: redis.Redis, known: str) -> bool:
    """Whether a person has accepted this store in place of the one that we knew."""
    with store_errors():
        replaced = client.get(REPLACES)
    return replaced is not None and text(replaced) == known


def remembered(data_dir: Path, name: str) -> str:
    """What a file of the data directory holds; '' without it."""
    file = data_dir / name
    return file.read_text().strip() if file.exists() else ""


def remember(data_dir: Path, name: str, value: str) -> None:
    """Puts a value into a file of the data directory, whole or not at all. Raises OSError."""
    if remembered(data_dir, name) == value:
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f"{name}.{secrets.token_hex(4)}"
    draft.write_text(value + "\n")
    draft.replace(data_dir / name)

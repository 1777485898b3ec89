"""Whose store this is (a mark in Redis, in the data directory and in RELAY_INSTANCE), made how and when."""

import secrets
from datetime import datetime
from pathlib import Path

import redis

from app.errors import InstanceMismatch, ModeMismatch
from app.store.connection import INSTANCE_HELP, store_errors
from app.store.records import milliseconds, moment, text

KEY = "relay:instance"
# How it was made: the ids that the stand-in gave are strangers' in the real account, and what waits for that
# must not be "delivered" to the stand-in.
MODE = "mode"
SANDBOX, LIVE = "sandbox", "live"
MADE_IN_SANDBOX = (
    "This store was made in sandbox mode: what it holds was done in the stand-in, and its ids would be "
    "strangers' in the real ONTRAPORT account. Nothing goes in or out. Set REDIS_URL to a database of its "
    "own (or empty this one with FLUSHDB, if nothing else lies in it), then `relay init --accept-empty`"
)
MADE_LIVE = (
    "This store is that of a real ONTRAPORT account, but ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing: "
    "what waits for the account would go to the sandbox. Nothing goes in or out. Set both keys; for a trial "
    "set another RELAY_DATA_DIR, or REDIS_URL to a database of its own"
)
# The mark that this store's one took the place of: other machines that know that one come good by themselves.
REPLACES = "relay:replaces"
LOOK_FIRST = "relay:look_first"


def known_mark(data_dir: Path, configured: str) -> str:
    """What this relay knows of itself: RELAY_INSTANCE first, then the data directory, else ''."""
    return configured or remembered(data_dir, "instance")


def open_store(client: redis.Redis, data_dir: Path, configured: str, *, sandbox: bool) -> str:
    """The mark under which this relay may write; a first start makes one. Idempotent.

    Raises InstanceMismatch when Redis came back empty or is another relay's, ModeMismatch when it was made in
    the other mode, StoreUnavailable when it is down.
    """
    known = known_mark(data_dir, configured)
    with store_errors():
        stored = client.get(KEY)
    if stored is None and known:
        raise InstanceMismatch(INSTANCE_HELP)
    if stored is not None and known and text(stored) != known and not _succeeds(client, known):
        raise InstanceMismatch(INSTANCE_HELP)
    mark = text(stored) if stored is not None else _begin(client, configured, sandbox=sandbox)
    check_mode(client, sandbox=sandbox)
    if not sandbox:
        _keep_mode(client)
    remember(data_dir, "instance", mark)
    return mark


def check_mode(client: redis.Redis, *, sandbox: bool) -> None:
    """Only reads; a store that is not begun is in no mode yet. Raises ModeMismatch, StoreUnavailable."""
    with store_errors():
        made = client.get(MODE)
    if made is not None and text(made) != mode(sandbox):
        raise ModeMismatch(MADE_LIVE if sandbox else MADE_IN_SANDBOX)


def drop_sandbox(client: redis.Redis, data_dir: Path, configured: str) -> bool:
    """Empties a store that was made in sandbox mode and begins it as a live one; False if it is none.

    For a store that this relay alone has. One that is under another mark than the one we know stays as it is.
    """
    known = known_mark(data_dir, configured)
    with store_errors():
        stored, made = client.get(KEY), client.get(MODE)
    if made is None or text(made) != SANDBOX or (known and text(stored or b"") != known):
        return False
    # The files go first: if this ends here, the next start finds the sandbox's store once more.
    for file in (data_dir / "instance", *data_dir.glob("live-*")):
        file.unlink(missing_ok=True)
    remember(data_dir, "instance", _begin(client, configured, sandbox=False, empty=True))
    return True


def accept_empty(client: redis.Redis, data_dir: Path, configured: str, *, sandbox: bool) -> str:
    """Makes this Redis ours in place of one that is lost: under RELAY_INSTANCE or a new mark; an existing one
    stays. What happened until now is looked up in the CRM before it is written.
    """
    known = known_mark(data_dir, configured)
    with store_errors():
        if known and not configured:
            client.set(REPLACES, known)
        client.set(LOOK_FIRST, milliseconds_now(client))
    mark = _begin(client, configured, sandbox=sandbox)
    remember(data_dir, "instance", mark)
    return mark


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


def _begin(client: redis.Redis, configured: str, *, sandbox: bool, empty: bool = False) -> str:
    """Mark, mode and birth at once; of two that begin the first one counts. `empty` throws all out before."""
    fresh = configured or secrets.token_hex(12)
    with store_errors(), client.pipeline(transaction=True) as pipe:
        born_ms = milliseconds_now(client)
        if empty:
            pipe.flushdb()
        for key, value in ((KEY, fresh), (MODE, mode(sandbox)), ("relay:born", born_ms)):
            pipe.set(key, value, nx=True)
        pipe.get(KEY)
        stored = pipe.execute()[-1]
    return text(stored)


def _keep_mode(client: redis.Redis) -> None:
    """A store of an earlier version does not tell its mode: whoever opens it with keys makes it a live one.

    Sandbox mode makes it nothing, since a sandbox's store may be dropped. Raises StoreUnavailable.
    """
    with store_errors():
        client.set(MODE, LIVE, nx=True)


def mode(sandbox: bool) -> str:
    """The word for it in the store, and in what is exported from it."""
    return SANDBOX if sandbox else LIVE


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

"""How processes reach Redis, and what its errors mean. Only app.store and app.services use it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.asyncio import Connection as AsyncConnection
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.errors import InstanceMismatch, StoreUnavailable
from app.store.records import text

INSTANCE_HELP = (
    "The store's instance mark is not this relay's: Redis came back empty, or belongs to another relay. "
    "Nothing goes in or out, or every sale might be sold again. Restore Redis from its append-only file, "
    "correct REDIS_URL, or accept the empty store with `relay init --accept-empty`."
)


def connect(url: str, *, tls_verify: bool, timeout_seconds: float, pool: int = 64) -> redis.Redis:
    """A pooled client that never retries by itself: a script that timed out may have run."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 3.0),
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        max_connections=pool,
        **_tls(url, tls_verify),
    )


def connect_async(url: str, *, tls_verify: bool) -> Callable[[], AsyncConnection]:
    """Makes connections for an event loop, not yet open; whoever waits on them brings the time limit."""
    pool = AsyncConnectionPool.from_url(
        url,
        socket_timeout=None,
        socket_keepalive=True,
        # Under RESP3 a server may send what nobody asked for; under RESP2 whatever comes is an answer.
        protocol=2,
        retry=AsyncRetry(NoBackoff(), 0),
        **_tls(url, tls_verify),
    )
    return pool.make_connection


def _tls(url: str, verify: bool) -> dict[str, Any]:
    unverified = url.startswith("rediss://") and not verify
    return {"ssl_cert_reqs": "none", "ssl_check_hostname": False} if unverified else {}


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns what redis-py raises into the relay's two words for it."""
    try:
        yield
    except redis.ResponseError as error:
        if str(error).startswith("INSTANCE"):
            raise InstanceMismatch(INSTANCE_HELP) from error
        raise StoreUnavailable(f"Redis refused the write: {str(error)[:120]}") from error
    except (redis.RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis cannot be reached or is too slow: {type(error).__name__}") from error


def setting(client: redis.Redis, name: str) -> str:
    """A setting of the server; '' where it does not let itself be asked, as managed ones.

    Raises StoreUnavailable.
    """
    with store_errors():
        try:
            found: Any = client.config_get(name)
        except redis.ResponseError:
            return ""
    return text(next(iter(found.values()), ""))

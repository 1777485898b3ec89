"""`relay doctor` on Redis: version, durability, memory, clock; for app.cli only."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.checkup.check import Check, ok, warn, wrong
from app.errors import StoreUnavailable
from app.services import Services
from app.store.connection import setting, store_errors

OLDEST_MAJOR = 7
MEMORY_WARN, MEMORY_WRONG = 0.70, 0.85
CLOCK_WARN, CLOCK_WRONG = 1.0, 5.0


def check_store(services: Services) -> Iterator[Check]:
    """Everything about the store; a single line when it does not answer."""
    try:
        with store_errors():
            info = services.client.info()
            drift = _drift(services)
    except StoreUnavailable as error:
        yield wrong("Redis", str(error), "Start it, or correct REDIS_URL")
        return
    yield _version(info)
    yield _durable(info, setting(services.client, "appendfsync"))
    yield _eviction(info)
    yield _memory(info)
    yield _clock(drift)
    yield ok("instance mark", "this Redis is this relay's own")


def _version(info: Mapping[str, Any]) -> Check:
    version = str(info.get("redis_version", "0"))
    if int(version.split(".")[0]) < OLDEST_MAJOR:
        return wrong("Redis version", version, "7 or newer is needed: update it")
    return ok("Redis version", f"{version} ({info.get('server_name', 'redis')})")


def _durable(info: Mapping[str, Any], appendfsync: str) -> Check:
    about = "Redis append-only file"
    if not int(info.get("aof_enabled", 0)):
        return wrong(about, "off: a crash loses acknowledged orders", "Set appendonly yes")
    if info.get("aof_last_write_status") != "ok":
        return wrong(about, "the last write to the disk failed", "Look at the disk of Redis: is it full?")
    if appendfsync == "always":
        return ok(about, "on, each write is on disk before it is acknowledged")
    if appendfsync:
        text = f"appendfsync {appendfsync}: a crash may lose the last second's orders"
        return warn(about, text, "Set appendfsync always, or run `relay reconcile` after a crash of Redis")
    return warn(about, "on; how often it is synced cannot be seen here", "Managed ones sync every second")


def _eviction(info: Mapping[str, Any]) -> Check:
    policy = str(info.get("maxmemory_policy", ""))
    if policy != "noeviction":
        return wrong(
            "Redis eviction", policy, "Set maxmemory-policy noeviction: records must not be thrown away"
        )
    evicted = int(info.get("evicted_keys", 0))
    if evicted:
        return wrong("Redis eviction", f"{evicted} keys were thrown away", "Run `relay reconcile`")
    return ok("Redis eviction", "noeviction")


def _memory(info: Mapping[str, Any]) -> Check:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        return warn("Redis memory", f"{_mb(used)} used, no limit", "Set maxmemory below what the machine has")
    share, told = used / most, f"{_mb(used)} of {_mb(most)} used"
    if share >= MEMORY_WRONG:
        return wrong("Redis memory", f"{told}: intake stops at 85 %", "Raise maxmemory now")
    if share >= MEMORY_WARN:
        return warn("Redis memory", told, "Raise maxmemory before it is at 85 %")
    return ok("Redis memory", told)


def _clock(drift: float) -> Check:
    told = f"{drift:.1f} s from that of Redis"
    if abs(drift) >= CLOCK_WRONG:
        return wrong("clock", told, "Let both machines keep their time by NTP")
    if abs(drift) >= CLOCK_WARN:
        return warn("clock", told, "Let both machines keep their time by NTP")
    return ok("clock", told)


def _drift(services: Services) -> float:
    seconds, microseconds = services.client.time()
    return services.clock().timestamp() - int(seconds) - int(microseconds) / 1_000_000


def _mb(count: int) -> str:
    return f"{count / 1_048_576:.0f} MB"

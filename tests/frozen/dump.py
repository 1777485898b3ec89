"""A whole store as a readable file, and back into a server: its times count from the moment of the freeze."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import redis

from app.store import records

BINARY = "base64:"
# Milliseconds and seconds since 1970, where they stand alone.
MOMENT = re.compile(r"(?<![\w.])(1\d{12}|1\d{9}(?:\.\d+)?)(?![\w.])")
RELATIVE = re.compile(r"@([+-]\d+)(ms|s)")
NEAR_SECONDS = 2 * 86400

Keys = dict[str, dict[str, Any]]


def freeze(client: redis.Redis) -> Keys:
    """Every key with its type, its value and (`ttl`) the seconds until it goes."""
    now = _now(client)
    found: Keys = {}
    for key in sorted(client.scan_iter(count=1000)):
        kind = records.text(client.type(key))
        entry: dict[str, Any] = {"type": kind, "value": _READ[kind](client, key, now)}
        ttl: Any = client.ttl(key)
        found[_text(key)] = entry | ({"ttl": ttl} if ttl >= 0 else {})
    return found


def thaw(client: redis.Redis, keys: Keys, age_seconds: float) -> None:
    """Makes the store that was frozen so long ago; on the very server on which it was written."""
    now = _now(client) - age_seconds
    for key, entry in keys.items():
        left = entry.get("ttl", age_seconds + 1) - age_seconds
        if left > 0:
            _WRITE[entry["type"]](client, _bytes(key), _thawed(entry["value"], now))
        if left > 0 and "ttl" in entry:
            client.expire(_bytes(key), round(left))
    client.hset("relay:server", "id", client.info("server")["run_id"])


def _now(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1_000_000)


def _frozen(value: bytes | float, now: float) -> str:
    if isinstance(value, float):
        value = f"{value:.3f}".rstrip("0").rstrip(".").encode()
    text = _text(value)
    return text if text.startswith(BINARY) else MOMENT.sub(lambda found: _relative(found[1], now), text)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BINARY + base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(BINARY)) if text.startswith(BINARY) else text.encode()


def _relative(number: str, now: float) -> str:
    unit, factor = ("ms", 1000) if len(number.partition(".")[0]) == 13 else ("s", 1)
    seconds = float(number) / factor - now
    return f"@{round(seconds * factor):+d}{unit}" if abs(seconds) < NEAR_SECONDS else number


def _thawed(value: Any, now: float) -> Any:
    if isinstance(value, Mapping):
        return {name: _thawed(one, now) for name, one in value.items()}
    if isinstance(value, list):
        return [_thawed(one, now) for one in value]
    return _bytes(RELATIVE.sub(lambda found: _absolute(int(found[1]), found[2], now), value))


def _absolute(offset: int, unit: str, now: float) -> str:
    return str(round(now * (1000 if unit == "ms" else 1)) + offset)


def _pairs(found: list[tuple[bytes, float]], now: float) -> list[list[str]]:
    return [[_frozen(member, now), _frozen(score, now)] for member, score in found]


_READ: Mapping[str, Callable[[Any, bytes, float], Any]] = {
    "string": lambda client, key, now: _frozen(client.get(key), now),
    "hash": lambda client, key, now: {
        name.decode(): _frozen(value, now) for name, value in sorted(client.hgetall(key).items())
    },
    "list": lambda client, key, now: [_frozen(value, now) for value in client.lrange(key, 0, -1)],
    "set": lambda client, key, now: sorted(_frozen(value, now) for value in client.smembers(key)),
    "zset": lambda client, key, now: _pairs(client.zrange(key, 0, -1, withscores=True), now),
}
_WRITE: Mapping[str, Callable[[Any, bytes, Any], Any]] = {
    "string": lambda client, key, value: client.set(key, value),
    "hash": lambda client, key, value: client.hset(key, mapping=value),
    "list": lambda client, key, value: client.rpush(key, *value),
    "set": lambda client, key, value: client.sadd(key, *value),
    "zset": lambda client, key, value: client.zadd(key, {member: float(score) for member, score in value}),
}

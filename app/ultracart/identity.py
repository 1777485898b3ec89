"""What tells one event from another: its object's key and the digest of its content; for app.ultracart alone.

UltraCart sends no event id. A repeated delivery may be rendered anew, so what changes by itself
(exchange rates, deliveries of e-mails, scores, cost estimates) does not count.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from app.ultracart.catalogue import OBJECT_KEYS, category

_VOLATILE = frozenset({"exchange_rate", "update_billing_url", "emails", "fraud_score"})
_VOLATILE_BEGINNINGS = ("localized", "actual_")
# A text without any of these has nothing to leave out. They are looked for all at once, twenty times as fast
# as one by one; for that they may not begin alike, so the quote before a key is left out.
_SIGNS = BytesAhoCorasick(
    [
        b":null",
        *(word.encode() for word in _VOLATILE_BEGINNINGS),
        *(f'{key}":'.encode() for key in _VOLATILE),
    ],
    matchkind=MatchKind.LeftmostFirst,
)
# For a longer piece hashlib lets another thread have the interpreter, which takes longer than the hashing.
_PIECE = 2047


class _Volatile(dict[str, bool]):
    """Which keys do not count: each is judged once. Keys come from outside, so it is emptied when full."""

    def __missing__(self, key: str) -> bool:
        if len(self) >= 4096:
            self.clear()
        self[key] = verdict = key in _VOLATILE or key.startswith(_VOLATILE_BEGINNINGS)
        return verdict


_is_volatile = _Volatile()


@lru_cache(maxsize=256)
def _key_names(event_name: str) -> tuple[str, ...]:
    return OBJECT_KEYS.get(category(event_name), ())


def object_key(event_name: str, payload: Mapping[str, Any]) -> str:
    """What the event's object is called by within its merchant; "" where it has no such name."""
    for name in _key_names(event_name):
        value = payload.get(name)
        if type(value) is str and value.strip():
            return value.strip()
        if type(value) is int:
            return str(value)
    return ""


def is_steady(written: bytes) -> bool:
    """True only if no object in a compact JSON text holds anything that does not count."""
    return not _SIGNS.find_matches_as_indexes(written)


def steady(node: dict[str, Any]) -> dict[str, Any]:
    """What counts of an object: without null and without what is volatile."""
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if value is None or _is_volatile[key]:
            continue
        kind = type(value)
        if kind is dict:
            value = steady(value)
        elif kind is list:
            value = _steady_list(value)
        kept[key] = value
    return kept


def _steady_list(nodes: list[Any]) -> list[Any]:
    return [
        steady(node) if (kind := type(node)) is dict else _steady_list(node) if kind is list else node
        for node in nodes
    ]


def digest(merchant_id: str, event_name: str, key: str, content: bytes) -> bytes:
    """16 bytes that are equal for equal content."""
    hashed = sha256(f"{merchant_id}\0{event_name}\0{key}\0".encode())
    for start in range(0, len(content), _PIECE):
        hashed.update(content[start : start + _PIECE])
    return hashed.digest()[:16]

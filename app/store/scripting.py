"""Loads the Lua scripts with their shared part and the tables that policy and engine give them."""

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import redis
from redis.commands.core import Script

from app.events import Kind
from app.policies import POLICIES

# These free memory, end what was begun or tell of it, so they may run when Redis is at its limit.
ALLOWED_OVER_LIMIT = frozenset(
    {
        *(
            "claim",
            "announce",
            "complete",
            "settle",
            "tick",
            "acquire",
            "replay",
            "close",
            "close_unread",
            "assign",
        ),
        *("alerts_turn", "alerts_keep"),
    }
)
# What stands before a script. Only what it needs: each function that it knows is made anew with each call.
SHARED = ("lib",)
PARTS = {
    "acquire": ("leases",),
    "admit": ("lines", "refill", "admit_rows", "admit_rules"),
    "announce": ("leases",),
    "assign": ("trail",),
    "claim": ("leases", "servers", "lines", "refill"),
    "close": ("leases", "lines", "refill"),
    "complete": ("leases",),
    "hold": ("leases",),
    "replay": ("trail", "lines", "refill"),
    "settle": ("leases", "lines", "attempts", "refill"),
    "tick": ("servers", "lines", "attempts", "refill"),
}

# How transmissions, their events and the announcements of their writes are to be read. Whoever changes that
# raises it: workers of the version before leave such a transmission to those that know it. Further fields are
# no such change, they survive everything that an older version does.
RECORD_VERSION = 1
# By so many milliseconds what was backfilled stands later in a ready list than what is live.
BEHIND_MS = 10**13


def quote(value: str) -> str:
    """A Lua string literal of `value`."""
    level = "=="
    return f"[{level}[{value}]{level}]"


def tables(envelopes: Mapping[Kind, str]) -> str:
    """The constants that lib.lua expects, kinds in the order in which they are served (money first)."""
    kinds = sorted(POLICIES, key=lambda kind: not POLICIES[kind].money)
    blocks = {kind: sorted(POLICIES[kind].blocks) for kind in kinds if POLICIES[kind].blocks}
    return "\n".join(
        (
            f"local RECORD, BEHIND = {RECORD_VERSION}, {BEHIND_MS}",
            f"local KINDS = {_list(kinds)}",
            f"local MONEY = {_table({kind: str(POLICIES[kind].money).lower() for kind in kinds})}",
            f"local BLOCKS = {_table({kind: _list(names) for kind, names in blocks.items()})}",
            f"local ENVELOPES = {_table({kind: quote(envelopes.get(kind, '')) for kind in kinds})}",
        )
    )


def _list(names: Iterable[str]) -> str:
    return "{" + ", ".join(map(quote, names)) + "}"


def _table(values: Mapping[Kind, str]) -> str:
    """A table of what is Lua already; written as one, since it is made with each call."""
    return "{" + ", ".join(f"[ {quote(kind)} ] = {value}" for kind, value in values.items()) + "}"


class Scripts:
    """The store's scripts, ready to call by name; every call is one round trip and all or nothing."""

    def __init__(self, client: redis.Redis, envelopes: Mapping[Kind, str]) -> None:
        self._client = client
        self._tables = tables(envelopes)
        self._scripts: dict[str, Script] = {}

    def run(self, name: str, *args: str | bytes | int | float) -> Any:
        """Runs `name`.lua; raises redis.RedisError."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(self.source(name))
        return script(args=args)

    def source(self, name: str) -> str:
        """The whole text of `name`.lua as the server gets it."""
        flags = " flags=allow-oom" if name in ALLOWED_OVER_LIMIT else ""
        folder = resources.files("app.store") / "scripts"
        parts = [(folder / f"{part}.lua").read_text() for part in (*SHARED, *PARTS.get(name, ()), name)]
        return "\n".join((f"#!lua{flags}", self._tables, *parts))

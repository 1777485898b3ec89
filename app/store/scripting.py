"""Loads the Lua scripts with their shared part and the tables that policy and engine give them."""

from collections.abc import Mapping
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
# What stands before every script, and what before one that is too long for one file.
SHARED = ("lib", "refill")
PARTS = {"admit": ("admit_rows", "admit_rules"), "assign": ("trail",), "replay": ("trail",)}

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
    lines = [
        "local KINDS = {" + ", ".join(quote(kind) for kind in kinds) + "}",
        "local MONEY, BLOCKS, ENVELOPES = {}, {}, {}",
        f"local RECORD, BEHIND = {RECORD_VERSION}, {BEHIND_MS}",
    ]
    for kind in kinds:
        policy = POLICIES[kind]
        lines.append(f"MONEY[ {quote(kind)} ] = {str(policy.money).lower()}")
        blocked = ", ".join(quote(name) for name in sorted(policy.blocks))
        lines.append(f"BLOCKS[ {quote(kind)} ] = {{{blocked}}}")
        lines.append(f"ENVELOPES[ {quote(kind)} ] = {quote(envelopes.get(kind, ''))}")
    return "\n".join(lines)


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

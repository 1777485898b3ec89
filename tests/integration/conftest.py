"""Fixtures of the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services import Services
from tests.integration.engine import Engine
from tests.servers import Sandbox, Valkey


@pytest.fixture
def engine(
    tmp_path: Path, environment: dict[str, str], valkey: Valkey, sandbox: Sandbox, services: Services
) -> Iterator[Engine]:
    """An empty relay around a real store and a real sandbox; its processes are started by the test."""
    built = Engine(tmp_path, environment, valkey, sandbox, services)
    yield built
    built.close()

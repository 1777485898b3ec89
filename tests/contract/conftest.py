"""Fixtures of the contract tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services import Services
from app.settings import Merchant
from tests.contract.shops import ShopAt
from tests.servers import Sandbox, Valkey
from tests.stores import Store, three_kinds


@pytest.fixture
def store(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store of three kinds on a real Valkey."""
    three_kinds(monkeypatch)
    built = Store.on(valkey.client)
    yield built
    built.inbox.close()


@pytest.fixture
def others(valkey: Valkey) -> set[str]:
    """Connections that were there before the test."""
    return valkey.connections()


@pytest.fixture
def fast_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that writes nothing to disk: thousands of steps are made on it."""
    server = Valkey(tmp_path, ["--appendonly", "no"])
    server.start()
    yield server
    server.kill()


@pytest.fixture
def shop(sandbox: Sandbox) -> ShopAt:
    """The stand-in shop."""
    return ShopAt(sandbox)


@pytest.fixture
def merchant(services: Services) -> Merchant:
    """The one merchant of the settings."""
    return services.settings.merchants["DEMO"]

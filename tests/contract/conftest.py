"""Fixtures of the contract tests."""

import pytest

from tests.servers import Valkey
from tests.stores import Store, three_kinds


@pytest.fixture
def store(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of three kinds on a real Valkey."""
    three_kinds(monkeypatch)
    return Store.on(valkey.client)

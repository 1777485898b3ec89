"""Fixtures of the contract tests."""

from collections.abc import Iterator

import pytest

from tests.servers import Valkey
from tests.stores import Store, three_kinds


@pytest.fixture
def store(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store of three kinds on a real Valkey."""
    three_kinds(monkeypatch)
    built = Store.on(valkey.client)
    yield built
    built.inbox.close()

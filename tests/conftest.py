"""Fixtures that several tiers share: a real store, the sandbox, settings and services between them."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pytest_socket import socket_allow_hosts

from app.services import Services, build_services
from app.settings import Settings, load_settings
from tests.servers import Sandbox, Valkey

# The same examples every time, and no verdict by the clock: a busy machine is no defect.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


NO_DOTENV = Path(os.devnull)


@pytest.fixture(autouse=True)
def _only_this_machine() -> None:
    """No test reaches anything but this machine."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_a_developer() -> Iterator[None]:
    """The `.env` of whoever runs the tests is not read, unless a test names a file; see also `Server`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load_settings, "__defaults__", (NO_DOTENV,))
        yield


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One Valkey for the tests of a process that leave it alive; use `valkey`, which empties it."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(shared_valkey: Valkey) -> Valkey:
    """An empty real Valkey."""
    shared_valkey.client.flushall()
    return shared_valkey


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox without a rate limit; use `sandbox`, which empties it."""
    server = Sandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """An empty sandbox ONTRAPORT without faults."""
    shared_sandbox.reset()
    shared_sandbox.faults()
    return shared_sandbox


@pytest.fixture
def environment(valkey: Valkey, sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of a relay in sandbox mode on this store and this CRM, without a limit of its own."""
    return {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(tmp_path / "var"),
        "SANDBOX_PORT": str(sandbox.port),
        "ONTRAPORT_RATE_PER_MINUTE": "60000",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings of `environment`."""
    return load_settings(environment)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Services on the real store and the real sandbox."""
    built = build_services(settings)
    yield built
    built.inbox.close()
    built.client.close()

"""Fixtures of the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services import Services, build_services
from app.settings import load_settings
from tests.integration.engine import Engine
from tests.integration.relay import Relay, running_relay
from tests.listeners import Listener, listening
from tests.servers import Sandbox, Valkey


@pytest.fixture
def engine(
    tmp_path: Path, environment: dict[str, str], valkey: Valkey, sandbox: Sandbox, services: Services
) -> Iterator[Engine]:
    """An empty relay around a real store and a real sandbox; its processes are started by the test."""
    built = Engine(tmp_path, environment, valkey, sandbox, services)
    yield built
    built.close()


@pytest.fixture
def engine_alone(tmp_path: Path, sandbox: Sandbox) -> Iterator[Engine]:
    """The same with a store of its own, which the test may kill and whose files it may exchange."""
    valkey = Valkey(tmp_path)
    valkey.start()
    environment = {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(tmp_path / "var"),
        "SANDBOX_PORT": str(sandbox.port),
        "ONTRAPORT_RATE_PER_MINUTE": "60000",
    }
    services = build_services(load_settings(environment))
    built = Engine(tmp_path, environment, valkey, sandbox, services)
    yield built
    built.close()
    services.client.close()
    valkey.kill()


@pytest.fixture(scope="module")
def relay(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_valkey: Valkey,
    shared_sandbox: Sandbox,
) -> Iterator[Relay]:
    """One running relay for a module, with the merchant's rules that the module names `RULES`."""
    directory = tmp_path_factory.mktemp("relay")
    rules = getattr(request.module, "RULES", "")
    with running_relay(directory, shared_valkey, shared_sandbox, rules) as found:
        yield found


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server that writes down whatever it is sent."""
    with listening() as found:
        yield found

"""The life of a customer, told in any order, twice over, in any batches, ends in the one right state."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.sandbox.server import running_sandbox
from app.services import Services, build_services
from app.settings import load_settings
from tests.integration.crm_state import in_account, in_sandbox
from tests.integration.documented_crm import documented_crm, environment_of
from tests.integration.driver import Driver
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.life import AFFILIATE, CREDITED, NOTED, Life, deliveries
from tests.integration.relay import Relay
from tests.integration.snapshots import delivery_of
from tests.servers import Valkey

pytestmark = pytest.mark.server

LIVES = int(os.environ.get("LIVES", "200"))
TOGETHER = 10


@pytest.fixture(scope="module")
def crm() -> Iterator[str]:
    """A sandbox in this process, which answers at once."""
    with running_sandbox() as base:
        yield base


@pytest.fixture
def driven(valkey: Valkey, crm: str, tmp_path: Path) -> Iterator[Services]:
    """An empty relay whose attempts the test makes."""
    requests.post(f"{crm}/reset", timeout=10).raise_for_status()
    environment = {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(tmp_path / "var"),
        "SANDBOX_PORT": crm.rpartition(":")[2],
        "ONTRAPORT_RATE_PER_MINUTE": "600000",
    }
    services = build_services(load_settings(environment))
    yield services
    services.client.close()


def tell(services: Services, lives: list[Life], known: str = "before") -> None:
    """Each life is told with its own seed; the affiliate before, within the first, or after them."""
    about_affiliate = [delivery_of([AFFILIATE])]
    if known == "before":
        Driver(services, random.Random(0)).run(about_affiliate)
    for life in lives:
        chance = random.Random(life.number)
        told = list(life.story()) + [AFFILIATE] * (known == "meanwhile" and life is lives[0])
        Driver(services, chance).run(deliveries(told, chance))
    if known == "after":
        Driver(services, random.Random(0)).run(about_affiliate)
    assert services.dead_letters.list(ACCOUNT) == []


def check(state: dict[str, Any], life: Life, known: str = "before") -> None:
    """A life stands in the CRM as it should. Whether its partial refund was ever told is a matter of luck.

    So it is which of its sales were credited where the affiliate became known between them.
    """
    assert state.pop("notes") in ([], [life.note]), life
    right = {"before": [CREDITED], "after": [NOTED], "meanwhile": [CREDITED, NOTED, NOTED | CREDITED]}
    assert state in [life.expected(**of_affiliate) for of_affiliate in right[known]], life


def check_ledger(ledger: dict[str, Any], lives: list[Life], known: str = "before") -> None:
    """Every life stands in the sandbox, and nothing stands there twice."""
    for number, life in enumerate(lives):
        check(in_sandbox(ledger, life), life, "before" if number and known == "meanwhile" else known)
    assert {name: found for name, found in ledger["duplicates"].items() if found} == {}


@pytest.mark.parametrize("seed", range(0, LIVES, TOGETHER))
def test_a_life_told_in_any_order_ends_in_the_right_state(driven: Services, crm: str, seed: int):
    lives = [Life(f"s{number}", number) for number in range(seed, min(seed + TOGETHER, LIVES))]
    known = ("before", "meanwhile", "after")[seed // TOGETHER % 3]
    tell(driven, lives, known)
    check_ledger(requests.get(f"{crm}/ledger", timeout=10).json(), lives, known)


def test_lives_through_real_workers(relay: Relay):
    """Several at once, as fast as they can be told."""
    relay.settle(AFFILIATE)
    chance = random.Random(1)
    lives = [Life(f"w{number}", number) for number in range(8)]
    told = [body for life in lives for body in deliveries(list(life.story()), chance)]
    chance.shuffle(told)
    for body in told:
        relay.services.inbox.admit(arrivals(body), "DEMO")
    relay.settle()
    assert relay.services.dead_letters.list(ACCOUNT) == []
    check_ledger(relay.sandbox.ledger(), lives)


def test_lives_in_another_crm_of_the_documented_api(valkey: Valkey, tmp_path: Path):
    with documented_crm() as (base, account):
        environment = environment_of(base, valkey, tmp_path)
        environment |= {"ONTRAPORT_RATE_PER_MINUTE": "600000", "LIVE_SINCE": "2026-01-01T00:00:00Z"}
        services = build_services(load_settings(environment))
        lives = [Life(f"d{number}", number) for number in range(8)]
        tell(services, lives)
        services.client.close()
        for life in lives:
            check(in_account(account, life), life)
        assert len(account.rows["Contacts"]) == len(lives) + 1
        assert sorted(row["name"] for row in account.rows["Products"]) == ["BASIC", "EXTRA"]

"""The probe of a closed gate, with a real store and the sandbox: it opens, or finds why it is closed."""

import pytest

from app.delivery.probe import probe_account
from app.services import Services
from tests.servers import Sandbox

pytestmark = pytest.mark.server
ACCOUNT = "ontraport:DEMO"


def reason(services: Services) -> str:
    """Why the gate is closed; '' when it is open."""
    gate = services.gates.read(ACCOUNT)
    return gate.reason if gate else ""


def answers(sandbox: Sandbox, status: int) -> None:
    sandbox.faults({"do": {"kind": "answer", "status": status, "body": "No."}})


def test_a_crm_that_answers_opens_it(services: Services):
    services.gates.close(ACCOUNT, "breaker", "503", 15)
    assert probe_account(services, ACCOUNT)
    assert reason(services) == ""


@pytest.mark.parametrize("status", [401, 403])
def test_keys_that_are_refused_behind_a_breaker_are_told_as_such(
    services: Services, sandbox: Sandbox, status: int
):
    services.gates.close(ACCOUNT, "breaker", "503", 15)
    answers(sandbox, status)
    assert not probe_account(services, ACCOUNT)
    assert reason(services) == "auth"


@pytest.mark.parametrize("path", ["/Contacts", "/Products"])
def test_keys_that_may_not_use_one_type_of_object_are_not_refused(
    services: Services, sandbox: Sandbox, path: str
):
    services.gates.close(ACCOUNT, "breaker", "503", 15)
    sandbox.faults({"match": {"path": path}, "do": {"kind": "answer", "status": 403, "body": "No."}})
    assert probe_account(services, ACCOUNT)
    assert reason(services) == ""


def test_a_crm_that_is_away_is_no_refusal_of_the_keys(services: Services, sandbox: Sandbox):
    services.gates.close(ACCOUNT, "breaker", "503", 15)
    answers(sandbox, 503)
    assert not probe_account(services, ACCOUNT)
    assert reason(services) == "breaker"


def test_refused_keys_stay_refused_while_the_crm_is_away(services: Services, sandbox: Sandbox):
    services.gates.close_for_keys(ACCOUNT, "401")
    answers(sandbox, 503)
    assert not probe_account(services, ACCOUNT)
    assert reason(services) == "auth"

"""A rehearsal tells exactly what a replay then does, and leaves no trace of itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.delivery.rehearsal import Rehearsal, is_sent, rehearse
from app.events import Kind
from app.ontraport.rehearsal import NEW
from app.services import Services
from app.store.records import text
from app.store.transmissions import Ending, Settlement
from tasks.registry import HANDLERS
from tests.integration.engine import ACCOUNT, arrivals
from tests.servers import Sandbox
from workers.engine import Engine
from workers.process import Process

pytestmark = pytest.mark.server

PAYLOADS = Path(__file__).parent.parent / "payloads" / "ultracart"
# What a question takes from the account's budget.
BUDGET = {f"b:{ACCOUNT}".encode(), b"n:requests"}


def admit(services: Services, name: str) -> None:
    """Takes one of the payload files."""
    services.inbox.admit(arrivals((PAYLOADS / f"{name}.json").read_bytes()), "DEMO")


def next_ready(services: Services) -> str:
    """What a worker would take next; '' when there is nothing."""
    for kind in Kind:
        for key in (f"handed:{ACCOUNT}:{kind}", f"ready:{ACCOUNT}:{kind}"):
            found: Any = services.client.zrange(key, 0, 0)
            if found:
                return text(found[0])
    return ""


def bury(services: Services, tid: str) -> None:
    """It dies before it has done anything."""
    services.transmissions.claim(tid, "token", "process")
    services.transmissions.settle(tid, "token", Settlement(Ending.DEAD, "a test", "mapping"))


def rehearsed(services: Services, tid: str) -> Rehearsal:
    """The rehearsal of a dead letter."""
    transmission = services.dead_letters.as_sent_again(tid)
    assert transmission is not None
    return rehearse(services, transmission, HANDLERS[transmission.kind])


def delivered(services: Services, tid: str) -> Sequence[Mapping[str, Any]]:
    """Sends it again for good; what was sent for it."""
    services.dead_letters.replay(tid)
    Engine(services, HANDLERS, Process(slots=1)).attempt(tid)
    return services.log.exchanges(tid)


def state(services: Services, sandbox: Sandbox) -> tuple[dict[bytes, Any], Any]:
    """Everything in the store but its budget, and everything in the CRM but its count of requests."""
    keys = [key for key in services.client.scan_iter(count=1000) if key not in BUDGET]
    ledger = sandbox.ledger()
    ledger.pop("requests")
    return {key: services.client.dump(key) for key in keys}, ledger


def writes(requests: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The writes among some requests: method and path."""
    return [(one["method"], one["path"]) for one in requests if one["method"] != "GET"]


@pytest.mark.parametrize(
    "names",
    [
        ("order_create__paid",),
        ("order_create__affiliate",),
        ("order_create__tagged",),
        ("order_create__paid", "order_refund__partial"),
        ("order_refund__all_quantities",),
        ("affiliate_update__active",),
        ("auto_order_cancel__by_customer",),
        ("customer_update__profile",),
        ("item_update__bone",),
        ("item_delete__priced",),
        ("order_create__no_email",),
        ("order_create__test_order",),
    ],
)
def test_what_is_rehearsed_is_what_a_replay_does(services: Services, sandbox: Sandbox, names: Sequence[str]):
    for name in names:
        admit(services, name)
    seen = 0
    while tid := next_ready(services):
        check(services, sandbox, tid)
        seen += 1
    assert seen


def test_so_it_is_for_what_follows_a_sale(services: Services, sandbox: Sandbox):
    admit(services, "order_ship__two_parcels")
    sale = next_ready(services)
    Engine(services, HANDLERS, Process(slots=1)).attempt(sale)
    check(services, sandbox, next_ready(services))
    assert not next_ready(services)


def check(services: Services, sandbox: Sandbox, tid: str) -> None:
    """Lets it die, rehearses it, sends it again and compares."""
    bury(services, tid)
    before = state(services, sandbox)
    told = rehearsed(services, tid)
    assert state(services, sandbox) == before
    assert all(is_sent(one) == (one["method"] == "GET") for one in told.requests)

    done = delivered(services, tid)
    record = services.ledger.read(f"t:{tid}")
    assert writes(told.requests) == writes(done)
    assert told.ending == (record["f"] if record["st"] == "dead" else record["st"])
    for planned, sent in zip(_bodies(told.requests), _bodies(done), strict=True):
        assert NEW in planned or json.loads(planned or "0") == json.loads(sent or "0")


def _bodies(requests: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["request"] for one in requests if one["method"] != "GET"]


def test_what_fails_says_how_it_would_end(services: Services, sandbox: Sandbox):
    admit(services, "order_create__no_email")
    tid = next_ready(services)
    bury(services, tid)
    told = rehearsed(services, tid)
    assert told.ending == "mapping"
    assert "e-mail" in told.reason
    assert told.requests == ()


def test_a_sale_in_doubt_is_looked_for_and_not_announced_anew(services: Services, sandbox: Sandbox):
    """The CRM took it, its answer was lost, and its worker gave up."""
    sandbox.faults({"match": {"path": "/transaction/processManual"}, "times": 1, "do": {"kind": "no_id"}})
    admit(services, "order_create__paid")
    tid = next_ready(services)
    Engine(services, HANDLERS, Process(slots=1)).attempt(tid)
    services.client.zadd("due", {tid: 1})
    services.transmissions.tick("process", 0)
    bury(services, tid)
    before = state(services, sandbox)
    told = rehearsed(services, tid)
    assert state(services, sandbox) == before
    assert (told.ending, writes(told.requests)) == ("delivered", [])
    assert len(sandbox.ledger()["transactions"]) == 1


def test_a_crm_that_refuses_the_question_is_told(services: Services, sandbox: Sandbox):
    admit(services, "order_create__paid")
    tid = next_ready(services)
    bury(services, tid)
    sandbox.faults({"match": {"path": "/Products"}, "do": {"kind": "answer", "status": 401, "body": {}}})
    told = rehearsed(services, tid)
    assert told.ending == "auth"
    assert not services.client.exists(f"g:{ACCOUNT}")


def test_only_a_dead_letter_is_rehearsed(services: Services, sandbox: Sandbox):
    admit(services, "order_create__paid")
    assert services.dead_letters.as_sent_again(next_ready(services)) is None
    assert services.dead_letters.as_sent_again("never.1") is None

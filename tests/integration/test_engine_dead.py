"""Dead letters from end to end: buried with a reason, repaired by the shop, replayed by a person."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.main import main
from tests.integration.engine import ACCOUNT, LOG, Engine, arrivals, breaks
from tests.integration.orders import Order, corrected
from tests.servers import wait_until

pytestmark = pytest.mark.server


def relay(engine: Engine, *arguments: str, code: int = 0) -> Any:
    """What `relay ARGUMENTS --json` says, ending with `code`."""
    done = CliRunner().invoke(main, [*arguments, "--json"], env=engine.environment)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def await_dead(engine: Engine, number: int = 1) -> None:
    """Returns when that many are dead."""
    wait_until(lambda: engine.count("dead") == number, 30, f"{number} dead letters")


def test_a_corrected_order_repairs_its_dead_letter(engine: Engine):
    web, order, other = engine.web(), Order(email=None), Order()
    engine.worker()
    engine.admit(order)
    await_dead(engine)
    [letter] = engine.services.dead_letters.list(ACCOUNT)
    assert (letter.subject, letter.failure) == (f"order:{order.id}", "mapping")
    assert "mail" in letter.reason.lower()
    assert (letter.cents, letter.currency) == (int(order.total * 100), "USD")
    engine.admit(other)
    engine.delivered(other)

    web.deliver(corrected(order, email="late@example.com"))
    engine.delivered(other, order)
    assert (engine.count("dead"), engine.services.dead_letters.list(ACCOUNT)) == (0, [])
    assert {contact["email"] for contact in engine.sandbox.ledger()["contacts"]} == {
        "late@example.com",
        other.address,
    }
    assert engine.services.log.counts(ACCOUNT).money == {}


def test_an_older_snapshot_does_not_repair_a_dead_letter(engine: Engine):
    order, other = Order(email=None), Order()
    engine.worker()
    engine.admit(order)
    await_dead(engine)
    stale = corrected(order, at="2026-03-01T00:00:00-05:00", email="old@example.com")
    stale = stale.replace(b"2026-03-02T", b"2026-03-01T")
    engine.inbox().admit(arrivals(stale), "DEMO")
    engine.admit(other)
    engine.delivered(other)
    assert engine.count("dead") == 1


def test_a_dead_letter_is_listed_shown_and_replayed(engine: Engine):
    order, fine = Order(), Order()
    refusal = {"kind": "answer", "status": 422, "body": "Invalid price"}
    engine.sandbox.faults(breaks(order, **refusal))
    engine.worker()
    engine.admit(order, fine)
    await_dead(engine)
    engine.delivered(fine)

    [letter] = relay(engine, "dead", "list")
    assert (letter["subject"], letter["failure"]) == (f"order:{order.id}", "invalid")
    assert "422" in letter["reason"]
    shown = relay(engine, "dead", "show", letter["id"])
    assert shown["payload"]["order_id"] == order.id
    [refused] = [exchange for exchange in shown["exchanges"] if exchange["status"] == 422]
    assert order.id in refused["request"]
    assert relay(engine, "status", code=1)["dead"] == 1

    assert relay(engine, "dead", "replay", letter["id"]) == {"replayed": [letter["id"]], "not_dead": []}
    engine.delivered(fine, order)
    assert relay(engine, "dead", "replay", letter["id"], code=1)["not_dead"] == [letter["id"]]
    assert (relay(engine, "dead", "list"), relay(engine, "status")["open"]) == ([], 0)
    assert engine.requests(LOG) == 3


def test_a_dead_letter_is_not_sold_twice_by_a_replay(engine: Engine):
    """Logged, then the tags fail: what was done already is not done again."""
    order = Order()
    engine.environment["RELAY_CONFIG"] = str(engine.directory / "relay.toml")
    (engine.directory / "relay.toml").write_text('[merchants.DEMO]\norder_tags = ["Buyer"]\n')
    tagging = {"match": {"path": "/objects/tagByName"}, "times": 1}
    engine.sandbox.faults({**tagging, "do": {"kind": "answer", "status": 422, "body": "Invalid tag"}})
    engine.worker()
    engine.admit(order)
    await_dead(engine)
    engine.holds(order)
    [letter] = engine.services.dead_letters.list(ACCOUNT)
    assert engine.services.dead_letters.replay(letter.id)
    engine.delivered(order)
    assert engine.requests(LOG) == 1
    assert engine.sandbox.ledger()["contacts"][0]["tags"] == ["Buyer"]

"""`relay dead` and `relay quarantine` as a person uses them, on a real store with a real worker."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from app.events import Unreadable
from app.release import VERSION
from tests.integration.engine import ACCOUNT, LOG, Engine
from tests.integration.orders import Order, delivery
from tests.servers import wait_until

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parent.parent.parent
REFUSED = {"kind": "answer", "status": 422, "body": {"code": 1, "message": "Invalid price"}}


def relay(engine: Engine, *arguments: str, code: int = 0, answer: str = "") -> Result:
    """What `relay ARGUMENTS` says, ending with `code`."""
    done = CliRunner().invoke(main, arguments, env=engine.environment, input=answer)
    assert done.exit_code == code, done.output
    return done


def read(engine: Engine, *arguments: str, code: int = 0) -> Any:
    """The JSON that it says."""
    return json.loads(relay(engine, *arguments, "--json", code=code).stdout)


@pytest.fixture
def dead(engine: Engine) -> list[Order]:
    """Five orders of 10.00 whose sales the CRM refused while something was wrong with it."""
    orders = [Order(price=1000) for _ in range(5)]
    fault = {"match": {"path": "/transaction/processManual"}, "times": 5, "do": REFUSED}
    engine.sandbox.faults(fault)
    engine.worker()
    engine.admit(*orders)
    wait_until(lambda: engine.count("dead") == 5, 30, "five dead letters")
    return orders


def test_a_person_finds_and_replays_what_died_of_one_cause(engine: Engine, dead: list[Order]):
    lame = Order(email=None, price=700)
    engine.admit(lame)
    wait_until(lambda: engine.count("dead") == 6, 30, "the sixth")
    largest, other = read(engine, "dead", "groups")
    assert (largest["key"], largest["count"], largest["money"]) == (
        f"{ACCOUNT}/invalid/422",
        5,
        {"USD": 5000},
    )
    assert other["key"] == f"{ACCOUNT}/mapping/-/email"
    table = relay(engine, "dead", "groups").output
    assert "50.00 USD" in table
    [found] = read(engine, "dead", "list", "--subject", dead[0].id)
    assert (found["group"], found["condition"]) == (largest["key"], "permanent")

    refused = relay(engine, "dead", "replay", "--group", largest["key"], code=1, answer="n\n")
    assert "5 dead letters (5 sale), 50.00 USD" in refused.output
    assert engine.count("dead") == 6
    replay = ("dead", "replay", "--group", largest["key"], "--canary", "1", "--rate", "0")
    done = relay(engine, *replay, answer="y\n")
    assert "replayed 5: 5 delivered" in done.output
    engine.holds(*dead)
    assert engine.count("dead") == 1


def test_the_rest_stays_when_the_canary_dies_again(engine: Engine, dead: list[Order]):
    engine.sandbox.faults({"match": {"path": "/transaction/processManual"}, "times": 9, "do": REFUSED})
    logged = engine.requests(LOG)
    told = read(engine, "dead", "replay", "--all", "--canary", "2", "--yes", "--rate", "0", code=1)
    assert "first 2" in told["stopped"]
    endings = [one["ending"] for one in told["results"]]
    assert endings == ["dead", "dead", "not sent", "not sent", "not sent"]
    assert "Invalid price" in told["results"][0]["reason"]
    assert engine.requests(LOG) - logged == 2
    again = relay(engine, "dead", "replay", "--class", "invalid", "--yes", "--canary", "1", code=1).output
    assert "1 dead again, 4 not sent" in again


def test_ctrl_c_stops_between_two_letters_and_says_how_to_go_on(engine: Engine, dead: list[Order]):
    command = [sys.executable, "-m", "app.cli", "dead", "replay", "--kind", "sale", "--yes", "--rate", "2"]
    with subprocess.Popen(
        [*command, "--canary", "0"],
        env={**os.environ, **engine.environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: engine.count("delivered") == 1, 30, "the first one")
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped by you after" in told
    assert "relay dead replay --kind sale --until 20" in told
    assert engine.count("delivered") + engine.count("dead") == 5
    again = relay(engine, "dead", "replay", "--kind", "sale", "--yes", "--rate", "0")
    assert "delivered" in again.output
    engine.holds(*dead)


def test_nothing_is_done_without_saying_what(engine: Engine):
    relay(engine, "dead", "replay", code=2)
    relay(engine, "dead", "discard", "--actor", "ann", "--reason", "no", code=2)
    relay(engine, "dead", "discard", "never.1", "--actor", "ann", code=2)
    relay(engine, "dead", "done", "never.1", "--actor", "ann", code=2)
    relay(engine, "dead", "list", "--since", "someday", code=2)
    assert "0 dead letters" in relay(engine, "dead", "replay", "--all").output


def test_a_person_gives_letters_up(engine: Engine, dead: list[Order]):
    [one] = read(engine, "dead", "list", "--subject", dead[0].id)
    told = read(
        engine, "dead", "discard", one["id"], "never.1", "--actor", "ann", "--reason", "a test", code=1
    )
    assert told == {"discarded": [one["id"]], "not_dead": ["never.1"]}
    record = engine.services.ledger.read(f"t:{one['id']}")
    assert (record["st"], record["by"], record["wy"]) == ("discarded", "ann", "a test")
    shown = relay(engine, "dead", "show", one["id"], code=2).stderr
    assert f"{one['id']} is discarded by ann at 2" in shown
    assert shown.rstrip().endswith("UTC: a test")
    by_filter = ("dead", "discard", "--class", "invalid", "--actor", "ann", "--reason", "a test")
    assert "4 dead letters (4 sale), 40.00 USD" in relay(engine, *by_filter, code=1, answer="n\n").output
    assert "discarded 4" in relay(engine, *by_filter, answer="y\n").output
    assert read(engine, "status")["open"] == 0
    assert engine.sales() == {}


def test_a_person_says_that_it_was_done_by_hand(engine: Engine, dead: list[Order]):
    [one] = read(engine, "dead", "list", "--subject", dead[0].id)
    relay(engine, "dead", "done", one["id"], "--actor", "ann", code=2)
    relay(engine, "dead", "done", one["id"], "--record-id", "x7", "--actor", "ann", code=2)
    told = read(engine, "dead", "done", one["id"], "--record-id", "77", "--actor", "ann")
    assert told == {"id": one["id"], "state": "done by hand", "record_id": "77", "actor": "ann"}
    row = engine.services.ledger.read(f"l:{ACCOUNT}:order:{dead[0].id}")
    [contact] = (one["id"] for one in engine.sandbox.ledger()["contacts"] if one["email"] == dead[0].address)
    assert (row["x:sale"], row["x:contact"]) == ("77", contact)
    again = relay(engine, "dead", "done", one["id"], "--record-id", "77", "--actor", "bob", code=2)
    assert "done by hand by ann" in again.stderr
    assert "record 77" in again.stderr


def test_everything_can_be_taken_along_as_json_lines(engine: Engine, dead: list[Order]):
    lines = relay(engine, "dead", "export").stdout.splitlines()
    found = {line["subject"]: line for line in map(json.loads, lines)}
    assert set(found) == {f"order:{order.id}" for order in dead}
    one = found[f"order:{dead[0].id}"]
    assert one["payload"]["order_id"] == dead[0].id
    assert 422 in [exchange["status"] for exchange in one["exchanges"]]
    assert len(one["payload_sha256"]) == 64
    assert one["cents"] == 1000
    [named] = relay(engine, "dead", "export", one["id"]).stdout.splitlines()
    assert json.loads(named) == one


def test_a_table_for_a_spreadsheet_holds_nothing_of_persons(engine: Engine, dead: list[Order]):
    text = relay(engine, "dead", "export", "--csv").stdout
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["subject"] for row in rows} == {f"order:{order.id}" for order in dead}
    assert {(row["amount"], row["currency"], row["failure"]) for row in rows} == {("10.00", "USD", "invalid")}
    assert not any(str(order.address) in text for order in dead)


def test_a_list_names_each_letter_so_that_it_can_be_copied(engine: Engine, dead: list[Order]):
    found = read(engine, "dead", "list")
    lines = relay(engine, "dead", "list").output.splitlines()
    for one in found:
        [line] = [line for line in lines if line.startswith(one["id"])]
        assert f"{one['id']}  {one['subject']}  sale  invalid  10.00 USD" in line
    assert sum("Invalid price" in line for line in lines) == 5


def test_a_replay_can_be_rehearsed(engine: Engine, dead: list[Order]):
    [one] = read(engine, "dead", "list", "--subject", dead[0].id)
    before = engine.sandbox.ledger()["transactions"]
    shown = relay(engine, "dead", "replay", one["id"], "--dry-run").output
    assert "would send: POST /transaction/processManual" in shown
    assert "it would end as delivered: contact " in shown
    told = read(engine, "dead", "replay", "--group", one["group"], "--dry-run")
    assert [letter["ending"] for letter in told] == ["delivered"] * 5
    assert {request["sent"] for letter in told for request in letter["requests"]} == {False}
    assert read(engine, "dead", "replay", "never.1", "--dry-run", code=1) == []
    assert engine.count("dead") == 5
    assert engine.sandbox.ledger()["transactions"] == before


def test_a_dead_letter_is_shown_beside_a_good_one(engine: Engine, dead: list[Order]):
    [one] = read(engine, "dead", "list", "--subject", dead[0].id)
    assert "nothing of its kind" in relay(engine, "dead", "compare", one["id"]).output
    good, lame = Order(price=2000), Order(email=None, price=700)
    engine.admit(good, lame)
    wait_until(lambda: engine.count("delivered") == 1 and engine.count("dead") == 6, 30, "both")
    told = read(engine, "dead", "compare", one["id"])
    assert told["good_id"] == engine.transmission(good)["id"]
    assert told["what"] == "POST /transaction/processManual"
    found = {each["field"]: (each["here"], each["there"]) for each in told["differences"]}
    assert found["offer.grandTotal"] == ('"10.00"', '"20.00"')
    assert found["external_order_id"] == (f'"{dead[0].id}"', f'"{good.id}"')

    [other] = read(engine, "dead", "list", "--subject", lame.id)
    shown = relay(engine, "dead", "compare", other["id"]).output
    assert "which was delivered: payload" in shown
    assert "billing.email" in shown
    assert "billing.city" not in shown


def test_somebody_looks_after_a_letter_and_sees_what_has_changed_since(engine: Engine, dead: list[Order]):
    [one] = read(engine, "dead", "list", "--subject", dead[0].id)
    assert one["versions"]["release"] == VERSION
    taken = read(engine, "dead", "assign", one["id"], "--actor", "ann", "--note", "asked the shop")
    assert taken == {"assigned": [one["id"]], "owner": "ann", "not_dead": []}
    shown = relay(engine, "dead", "show", one["id"]).output
    assert "looked after by ann: asked the shop" in shown
    assert "ann: given to ann: asked the shop" in shown
    assert "attempt 1)" in shown
    assert "changed since" not in shown
    engine.environment["REFUND_PARTIAL"] = "ignore"
    assert "mapping changed since" in relay(engine, "dead", "show", one["id"]).output
    assert "ann" in relay(engine, "dead", "list").output
    by_group = ("dead", "assign", "--group", one["group"], "--actor", "ann", "--owner", "bob")
    assert "assigned 5 to bob" in relay(engine, *by_group).output
    relay(engine, "dead", "assign", "--actor", "ann", code=2)
    assert read(engine, "dead", "assign", "never.1", "--actor", "ann", code=1)["not_dead"] == ["never.1"]
    relay(engine, "dead", "replay", one["id"], "--actor", "bob", "--wait")
    assert f"{one['id']} is delivered" in relay(engine, "dead", "show", one["id"], code=2).stderr


def test_the_quarantine_can_be_read_and_emptied(engine: Engine):
    assert "empty" in relay(engine, "quarantine", "list").output
    bodies = [b'{"events": [', "naïve".encode()]
    engine.inbox().admit([Unreadable(f"no {n}", body) for n, body in enumerate(bodies)], "DEMO")
    listed = {one["reason"]: one for one in read(engine, "quarantine", "list")}
    assert {reason: one["bytes"] for reason, one in listed.items()} == {"no 0": 12, "no 1": 6}
    assert "no 0" in relay(engine, "quarantine", "list").output
    assert relay(engine, "quarantine", "show", listed["no 0"]["id"], "--body").stdout_bytes == bodies[0]
    assert read(engine, "quarantine", "show", listed["no 1"]["id"])["body"] == "naïve"
    exported = map(json.loads, relay(engine, "quarantine", "export").stdout.splitlines())
    assert {one["body"] for one in exported} == {'{"events": [', "naïve"}
    relay(engine, "quarantine", "show", "never", code=2)
    gone = listed["no 0"]["id"]
    relay(engine, "quarantine", "discard", gone, "--actor", "ann", code=2)
    discard = ("quarantine", "discard", gone, "never", "--actor", "ann", "--reason", "a test")
    assert read(engine, *discard, code=1) == {"discarded": [gone], "missing": ["never"]}
    assert read(engine, "status", code=1)["quarantined"] == 1
    assert "discarded by ann at 2" in relay(engine, "quarantine", "list", "--closed").output
    assert "UTC: a test" in relay(engine, "quarantine", "show", gone).output
    assert read(engine, "quarantine", "show", gone)["body"] == '{"events": ['


def test_the_quarantine_can_be_read_again(engine: Engine):
    good, bad = [f"no {n}" for n in range(2)]
    order = Order()
    engine.inbox().admit([Unreadable(good, delivery(order)), Unreadable(bad, b"naive")], "DEMO")
    assert {one["reason"] for one in read(engine, "quarantine", "groups")} == {bad, good}
    assert "no 1" in relay(engine, "quarantine", "groups").output
    relay(engine, "quarantine", "replay", "--actor", "ann", code=2)
    told = relay(engine, "quarantine", "replay", "--all", "--actor", "ann", code=1).output
    assert "read 1 of 2" in told
    assert "still cannot be read" in told
    engine.worker()
    engine.delivered(order)
    again = read(engine, "quarantine", "replay", "never", "--actor", "ann", code=1)
    assert again == {"results": [], "missing": ["never"]}
    assert "read by ann" in relay(engine, "quarantine", "list", "--closed").output

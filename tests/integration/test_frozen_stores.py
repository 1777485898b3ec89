"""A store that an earlier version left, with something in every state, is brought to its end by this one."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.store.records import row
from tests.frozen.dump import thaw
from tests.frozen.relay import PROBE_SECONDS, Relay
from tests.frozen.story import MISSED, SALES, order
from tests.integration import snapshots
from tests.servers import ROOT, Sandbox, Valkey

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

STORES = sorted((ROOT / "tests" / "golden" / "stores").glob("*.json"))
KEYS = {"Api-Appid": "sandbox", "Api-Key": "sandbox"}
# All that waited for a time may go, also the probe of a closed gate.
AGE_SECONDS = PROBE_SECONDS + 600
PARTLY = ("DEAD", "DONE", "INVALID", "RETRYING")


@pytest.fixture(params=STORES, ids=lambda file: file.stem)
def kept(request: pytest.FixtureRequest, valkey: Valkey, sandbox: Sandbox) -> dict[str, Any]:
    """The store on its server, and its CRM as it was."""
    found: dict[str, Any] = json.loads(request.param.read_text())
    sandbox.reset(first_id=1)
    for one in found["crm"]:
        method, _, path = one["route"].partition(" ")
        url = f"{sandbox.base}/ontraport/1{path}"
        requests.request(method, url, json=one["body"], headers=KEYS, timeout=10).raise_for_status()
    thaw(valkey.client, found["keys"], AGE_SECONDS)
    return found


@pytest.fixture
def relay(kept: dict[str, Any], tmp_path: Path, valkey: Valkey, sandbox: Sandbox) -> Iterator[Relay]:
    """This version on that store."""
    built = Relay(ROOT, tmp_path, valkey, sandbox)
    yield built
    built.kill()


def test_everything_that_was_left_ends_once_and_in_order(kept: dict[str, Any], relay: Relay):
    relay.start()
    relay.await_quiet(besides={"dead", "held"})
    left = Counter((t["k"], t["st"]) for t in relay.transmissions() if t["st"] in ("dead", "held"))
    assert left == {("sale", "dead"): 2, ("refund", "held"): 2}

    _what_is_given_up_can_be_read_and_repaired(relay)
    relay.await_quiet()
    _what_is_told_again_is_known(relay)

    in_store = any(key.endswith(f"order:{MISSED}") for key in kept["keys"])
    _check_crm(relay.sandbox, SALES | ({MISSED: "50.00"} if in_store else {}))
    _check_lines(relay)
    _check_store(relay)


def _what_is_given_up_can_be_read_and_repaired(relay: Relay) -> None:
    letters = relay.command("dead", "list", "--json").stdout
    invalid = next(one["id"] for one in json.loads(letters) if "INVALID" in one["subject"])
    assert "Invalid price" in relay.command("dead", "show", invalid).stdout
    assert len(json.loads(relay.command("quarantine", "list", "--json").stdout)) == 1
    assert relay.command("dead", "replay", invalid).returncode == 0
    relay.post(snapshots.edited(order("DEAD"), 50.0, at="2026-03-10T10:00:00-05:00"))


def _what_is_told_again_is_known(relay: Relay) -> None:
    before = len(relay.transmissions())
    done, cut_off = order("DONE"), order("CUT-OFF")
    relay.post(snapshots.paid(done, "order_update"), snapshots.refunded(done, 20.0, name="order_update"))
    relay.post(snapshots.paid(cut_off, "order_payment_process"))
    polled = relay.command("poll", "--merchant", "DEMO")
    assert polled.returncode == 0, polled.stderr
    assert len(relay.transmissions()) == before


def _check_crm(sandbox: Sandbox, sales: dict[str, str]) -> None:
    ledger = sandbox.ledger()
    found = [(sale["external_order_id"], sale["total"]) for sale in ledger["transactions"]]
    assert sorted(found) == sorted(sales.items())
    assert not any(ledger["duplicates"].values()), ledger["duplicates"]
    refunded = [sale["external_order_id"] for sale in ledger["transactions"] if sale["status"] == "2"]
    assert refunded == ["REFUNDED"]
    notes = [note for contact in ledger["contacts"] for note in contact["notes"]]
    assert sorted(note.split(":")[0] for note in notes if "refunded" in note) == [
        f"Order {name}" for name in PARTLY
    ]
    wrote = [json.dumps(one) for one in requests.get(f"{sandbox.base}/journal", timeout=10).json()]
    for name in PARTLY:
        [sale] = [n for n, one in enumerate(wrote) if "processManual" in one and f'"{name}"' in one]
        [note] = [n for n, one in enumerate(wrote) if f"Order {name}:" in one]
        assert sale < note, f"the refund of {name} came before its sale"


def _check_lines(relay: Relay) -> None:
    """Of one subject the first that came is the first that ended."""
    lines = defaultdict(list)
    for t in relay.transmissions():
        lines[t["a"], t["s"]].append((int(t["c"]), t["k"] != "sale", int(t["dd"])))
    for subject, line in lines.items():
        ended = [end for *_, end in sorted(line)]
        assert ended == sorted(ended), subject


def _check_store(relay: Relay) -> None:
    """Nothing waits anywhere, and the counts say so."""
    for account in ("ontraport:DEMO", "ontraport:SHUT"):
        counts = row(relay.store.hgetall(f"n:{account}"))
        states = {name.partition(":")[2] for name, number in counts.items() if int(number)}
        assert states <= {"delivered", "skipped"}
        assert not any(int(cents) for cents in relay.store.hvals(f"money:{account}"))
        assert not list(relay.store.scan_iter(f"ready:{account}:*"))
        assert not list(relay.store.scan_iter(f"handed:{account}:*"))
        assert not relay.store.zcard(f"dead:{account}")
    assert not relay.store.zcard("due")
    assert not relay.store.llen("sale")

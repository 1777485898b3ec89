"""What every frozen store was told: a little of everything, and a worker that dies in the middle of it.

Where each fact stands at the end is what the name of its order says. Dates are long past, so that the story
is the same whenever it is told.
"""

from dataclasses import dataclass
from typing import Any

import requests

from tests.contract.shops import ShopAt, affiliate, item
from tests.frozen.dump import Keys, freeze
from tests.frozen.relay import Relay
from tests.integration import snapshots
from tests.integration.orders import Order
from tests.servers import wait_until

LOG = "/transaction/processManual"
LOGGED = f"POST {LOG}"
HANDED = 10
MISSED_DAY = "2026-03-01"


@dataclass(frozen=True)
class Named(Order):
    """An order with a name of its own."""

    name: str = ""

    @property
    def id(self) -> str:
        """The name."""
        return self.name

    @property
    def address(self) -> str | None:
        """Its buyer's e-mail address."""
        return f"{self.name.lower()}@example.com" if self.email == "" else self.email


def order(name: str, cents: int = 5000, email: str | None = "") -> Named:
    """A paid order."""
    return Named(number=1, price=cents, name=name, email=email)


# Order id → total of its sale in the CRM when all is over.
SALES = {
    "DONE": "50.00", "REFUNDED": "50.00", "RETRYING": "50.00", "DEAD": "50.00", "INVALID": "50.00",
    "SHUT-1": "50.00", "SHUT-2": "50.00", "ARRIVED": "50.00", "NEVER-ARRIVED": "50.00", "NEWER": "50.00",
    "CUT-OFF": "50.00", **{f"HANDED-{number}": "50.00" for number in range(HANDED)},
}  # fmt: skip
MISSED = "MISSED"


def tell(relay: Relay) -> None:
    """The whole story, to an empty store; in the end neither worker nor receiver is alive."""
    relay.command("init", "--accept-empty")
    # Nothing has been lost that would have to be looked for.
    relay.store.delete("relay:look_first")
    relay.start()
    _what_ends_well(relay)
    _faults(relay)
    _what_is_given_up(relay)
    _what_is_in_doubt(relay)
    _what_is_in_flight(relay)
    _what_nobody_takes(relay)
    relay.kill()


def frozen(relay: Relay) -> dict[str, Any]:
    """What is to be kept of it: the store, and what was written into the CRM in order."""
    wait_until(lambda: not relay.sandbox.ledger()["pending_commits"], 30, "the last late write")
    journal = requests.get(f"{relay.sandbox.base}/journal", timeout=10).json()
    keys: Keys = freeze(relay.store)
    return {"crm": [{"route": one["route"], "body": one["body"]} for one in journal], "keys": keys}


def _what_ends_well(relay: Relay) -> None:
    ShopAt(relay.sandbox).fill(items=[item(1), item(2, merchant_item_id="BONE")], affiliates=[affiliate(1)])
    done, refunded = order("DONE"), order("REFUNDED")
    relay.post(snapshots.paid(done), snapshots.paid(refunded))
    relay.post(
        snapshots.customer(4711, "done@example.com"),
        snapshots.auto_order("auto_order_create", 77, done, "2026-03-02T10:00:00-05:00"),
        snapshots.item("BONE", "2026-03-02T10:00:00-05:00"),
    )
    relay.await_quiet()
    relay.post(snapshots.refunded(done, 20.0), snapshots.refunded(refunded, 50.0))
    relay.post(snapshots.shipped(done, "1Z"))
    relay.command("poll", "--merchant", "DEMO")
    relay.await_quiet()


def _faults(relay: Relay) -> None:
    """What befalls whom from now on."""
    busy = {"kind": "answer", "status": 503, "body": "Busy"}
    refused = {"kind": "answer", "status": 422, "body": "Invalid price"}
    no_key = {"kind": "answer", "status": 401, "body": "No."}
    relay.sandbox.faults(
        {"match": {"body_contains": "retrying@"}, "do": busy},
        {"match": {"body_contains": "shut-1@"}, "do": no_key},
        {"match": {"path": LOG, "body_contains": "INVALID"}, "do": refused},
        {"match": {"path": LOG, "body_contains": "NEVER-ARRIVED"}, "do": {"kind": "reset"}},
        {"match": {"path": LOG, "body_contains": "ARRIVED"}, "do": {"kind": "late_commit", "seconds": 1}},
        {"match": {"path": LOG, "body_contains": "NEWER"}, "do": {"kind": "latency", "seconds": 5}},
        {"match": {"path": LOG, "body_contains": "CUT-OFF"}, "do": {"kind": "hang", "commit": False}},
    )


def _what_is_given_up(relay: Relay) -> None:
    relay.post_body("this is no JSON")
    test = order("TEST").payload()
    relay.post(("order_create", test | {"payment": test["payment"] | {"test_order": True}}))
    dead, invalid = order("DEAD", email=None), order("INVALID")
    for one in (dead, invalid):
        relay.post(snapshots.paid(one))
        relay.post(snapshots.refunded(one, 10.0))
        relay.await_state(one.id, "dead")
        relay.await_state(one.id, "held", "refund")
    if relay.command("alerts", "--json").returncode in (0, 1):
        wait_until(lambda: relay.store.exists("alerts:book"), 30, "alerts of what was given up")


def _what_is_in_doubt(relay: Relay) -> None:
    for name in ("ARRIVED", "NEVER-ARRIVED"):
        relay.post(snapshots.paid(order(name)))
        relay.await_state(name, "retrying")
    relay.post(snapshots.paid(order("SHUT-1")), merchant="SHUT")
    relay.await_state("SHUT-1", "retrying")
    relay.post(snapshots.paid(order("SHUT-2")), merchant="SHUT")
    retrying = order("RETRYING")
    relay.post(snapshots.paid(retrying), snapshots.refunded(retrying, 10.0))
    relay.await_state("RETRYING", "retrying")


def _what_is_in_flight(relay: Relay) -> None:
    """Two calls under way, a newer snapshot of one; then the worker dies, and one of the two arrives."""
    before = relay.requests(LOGGED)
    newer = order("NEWER")
    relay.post(snapshots.paid(newer))
    relay.post(snapshots.paid(order("CUT-OFF")))
    relay.await_requests(LOGGED, before + 2)
    relay.post(snapshots.paid(newer, "order_update", current_stage="Completed Order"))
    relay.worker.kill()
    logged = lambda: [row["external_order_id"] for row in relay.sandbox.ledger()["transactions"]]  # noqa: E731
    wait_until(lambda: {"ARRIVED", "NEWER"} <= set(logged()), 30, "the calls that arrive late")


def _what_nobody_takes(relay: Relay) -> None:
    """More than a window of wake-ups; and what the shop has and never told of, where the version can ask."""
    for number in range(HANDED):
        relay.post(snapshots.paid(order(f"HANDED-{number}")))
    _, missed = snapshots.paid(order(MISSED))
    ShopAt(relay.sandbox).fill(orders=[missed])
    relay.command("reconcile", "--merchant", "DEMO", "--since", MISSED_DAY, "--until", "2026-03-05")

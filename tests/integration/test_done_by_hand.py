"""What a person has done in the CRM by hand: the relay knows of it from then on, and never does it again."""

from typing import Any

import pytest

from app.delivery.attempt import Call
from app.delivery.done_by_hand import mark_done
from app.errors import SettingsError
from app.store.letters import DeadLetter
from tests.integration.engine import ACCOUNT, LOG, breaks
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import edited, paid, refunded
from tests.servers import wait_until

pytestmark = pytest.mark.server


def order() -> Order:
    """One order of 40.00."""
    return Order(price=4000)


def letter_of(relay: Relay, one: Order, kind: str = "sale") -> DeadLetter:
    """The dead letter of an order."""
    found = relay.services.dead_letters.show(relay.last(kind, f"order:{one.id}")["id"])
    assert found is not None
    return found


def by_hand(relay: Relay, contact_id: str, **body: Any) -> str:
    """Somebody logs a sale of 40.00 in the CRM, without the order's id; its invoice."""
    client = relay.services.ontraport[ACCOUNT]
    product = client.create_product({"name": "By hand", "price": "40.00"}, Call.unrecorded(30))
    line = {"id": product, "quantity": 1, "price": [{"price": 40.0, "payment_count": 1, "unit": "day"}]}
    sale = {"contact_id": contact_id, "chargeNow": "chargeLog", "offer": {"products": [line]}, **body}
    return client.log_sale(sale, Call.unrecorded(30))


@pytest.fixture
def refused(relay: Relay) -> Order:
    """An order whose sale the CRM refuses, whenever it is sent; its contact was made."""
    one = order()
    relay.sandbox.faults({**breaks(one, kind="answer", status=422, body="Invalid price"), "times": 9})
    relay.settle(paid(one))
    return one


def status_of(relay: Relay, invoice: str) -> str:
    """The status of an invoice in the CRM."""
    [row] = [row for row in relay.sandbox.ledger()["transactions"] if row["id"] == invoice]
    return str(row["status"])


def test_its_refund_finds_the_sale_and_the_sale_is_never_sent(relay: Relay, refused: Order):
    letter = letter_of(relay, refused)
    assert letter.group == f"{ACCOUNT}/invalid/422"
    contact = relay.contact(refused.address)["id"]
    invoice = by_hand(relay, contact)
    relay.tell(refunded(refused, 40))
    wait_until(lambda: relay.last("sale", f"order:{refused.id}")["st"] == "dead", 30, "its second death")
    logged = relay.requests(LOG)
    letter = letter_of(relay, refused)
    [follower] = letter_of(relay, refused).followers
    assert (follower.kind, follower.cents) == ("refund", 4000)

    assert mark_done(relay.services, letter, actor="ann", record_id=invoice) == "closed"
    relay.settle()
    row = relay.row(f"order:{refused.id}")
    assert (row["x:sale"], row["x:contact"], row["x:total"]) == (invoice, contact, "40.00")
    assert relay.last("refund", f"order:{refused.id}")["st"] == "delivered"
    assert status_of(relay, invoice) == "2"
    assert relay.contact(refused.address)["fields"]["Last Refund Amount"] == "40.00"

    relay.settle(paid(refused), edited(refused, 40), paid(refused, "order_payment_process"))
    assert relay.requests(LOG) == logged
    assert relay.last("sale", f"order:{refused.id}")["st"] == "done by hand"


def test_a_later_total_is_told_to_a_person_and_not_sold(relay: Relay, refused: Order):
    letter = letter_of(relay, refused)
    invoice = by_hand(relay, relay.contact(refused.address)["id"])
    mark_done(relay.services, letter, actor="ann", record_id=invoice)
    logged = relay.requests(LOG)
    relay.settle(edited(refused, 55))
    changed = letter_of(relay, refused)
    assert (changed.failure, changed.id != letter.id) == ("changed", True)
    assert relay.requests(LOG) == logged


def test_a_contact_that_the_relay_cannot_know_has_to_be_told(relay: Relay):
    """The order lacked its e-mail, so there is no contact of it."""
    one, known = order(), order()
    relay.settle(paid(known))
    contact = relay.contact(known.address)["id"]
    name, payload = paid(one)
    payload["billing"]["email"] = None
    relay.settle((name, payload))
    letter = letter_of(relay, one)
    assert letter.group == f"{ACCOUNT}/mapping/-/email"
    invoice = by_hand(relay, contact)
    with pytest.raises(SettingsError, match="--contact-id"):
        mark_done(relay.services, letter, actor="ann", record_id=invoice)
    assert letter_of(relay, one) == letter
    mark_done(relay.services, letter, actor="ann", record_id=invoice, contact_id=contact)

    name, payload = refunded(one, 10)
    payload["billing"]["email"] = None
    relay.settle((name, payload))
    assert len(relay.contact(known.address)["notes"]) == 1
    relay.settle(edited(one, 40))
    assert relay.sales(one) == []


def test_a_refund_done_by_hand_is_counted_and_only_what_comes_after_it_is_told(relay: Relay):
    one = order()
    relay.settle(paid(one))
    tagging = {"match": {"path": "/objects/tagByName"}, "times": 1}
    relay.sandbox.faults({**tagging, "do": {"kind": "answer", "status": 422, "body": "Invalid tag"}})
    relay.settle(refunded(one, 10))
    letter = letter_of(relay, one, "refund")
    assert mark_done(relay.services, letter, actor="ann") == "closed"
    assert relay.row(f"order:{one.id}")["x:refunded"] == "10.00"
    relay.settle(refunded(one, 25, at="2026-03-12T11:00:00-04:00"))
    [note] = relay.contact(one.address)["notes"]
    assert "15.00 USD refunded on 2026-03-12, 25.00 of 40.00 so far." in note


def test_a_discarded_sale_is_not_brought_back_and_its_refund_has_nothing_to_do(relay: Relay, refused: Order):
    letter = letter_of(relay, refused)
    logged = relay.requests(LOG)
    assert relay.services.dead_letters.discard(letter.id, actor="ann", reason="a test") == "closed"
    relay.settle(paid(refused, "order_payment_process"), edited(refused, 55))
    relay.settle(refunded(refused, 10, at="2026-03-12T11:00:00-04:00"))
    assert relay.requests(LOG) == logged
    assert relay.sales(refused) == []
    assert relay.last("refund", f"order:{refused.id}")["st"] == "skipped"

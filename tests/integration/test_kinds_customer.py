"""A customer's data on the contact: the newest wins, and a changed e-mail changes the same contact."""

import pytest

from tests.contract.shops import ShopAt
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import Told, customer, new_oid, paid

pytestmark = pytest.mark.server

UPSERT = "POST /Contacts/saveorupdate"


def on(day: int) -> str:
    """A day of March."""
    return f"2026-03-{day:02}T10:00:00-05:00"


def address() -> str:
    """An e-mail address that nobody else has."""
    return f"customer.{new_oid()}@example.com"


def emails(relay: Relay) -> list[str]:
    """Every contact's address."""
    return [contact["email"] for contact in relay.sandbox.ledger()["contacts"]]


def with_profile(order: Order, oid: int) -> Told:
    """A paid order of a customer with a profile."""
    return paid(order, customer_profile={"customer_profile_oid": oid, "email": order.address})


def test_a_new_customer_becomes_a_contact_and_an_update_changes_it(relay: Relay):
    oid, email = new_oid(), address()
    relay.settle(customer(oid, email, on(1), name="customer_create"))
    contact = relay.contact(email)
    assert contact["fields"].items() >= {"firstname": "Jane", "city": "Austin", "country": "US"}.items()
    assert "bulk_mail" not in contact["fields"]
    relay.settle(customer(oid, email, on(2), address1="9 Elm St", city="Reno", state_region="NV"))
    moved = relay.contact(email)
    assert (moved["id"], moved["fields"]["city"], moved["fields"]["address"]) == (
        contact["id"],
        "Reno",
        "9 Elm St",
    )


def test_a_change_without_a_date_of_its_own_is_asked_for(relay: Relay):
    oid, email = new_oid(), address()
    moved = customer(oid, email, on(1), address1="9 Elm St")
    shop = ShopAt(relay.sandbox)
    shop.fill(customers=[moved[1]])
    relay.settle(moved)
    before = shop.requests()
    relay.settle(customer(oid, email, on(1)))
    assert relay.contact(email)["fields"]["address"] == "9 Elm St"
    assert shop.requests() == before + 1
    relay.settle(customer(oid, email, on(2), address1="1 Oak St"))
    assert relay.contact(email)["fields"]["address"] == "1 Oak St"
    assert shop.requests() == before + 1


def test_what_did_not_change_costs_nothing(relay: Relay):
    oid, email = new_oid(), address()
    relay.settle(customer(oid, email, on(1)))
    before = relay.requests()
    relay.settle(customer(oid, email, on(1)), customer(oid, email, on(2)), customer(oid, email, on(3)))
    assert relay.requests() == before


def test_an_older_profile_does_not_overwrite_a_newer_one(relay: Relay):
    oid, email = new_oid(), address()
    relay.settle(customer(oid, email, on(5), city="Reno"))
    relay.settle(customer(oid, email, on(4), city="Austin"))
    assert relay.contact(email)["fields"]["city"] == "Reno"


def test_a_change_that_was_taken_back_is_not_written_when_it_comes_late(relay: Relay):
    oid, email = new_oid(), address()
    relay.settle(customer(oid, email, on(5)), customer(oid, email, on(7)))
    relay.settle(customer(oid, email, on(6), city="Reno"))
    assert relay.contact(email)["fields"]["city"] == "Austin"


def test_an_order_and_a_profile_settle_by_their_own_dates(relay: Relay):
    """The order was paid on 2 March."""
    one, oid = Order(), new_oid()
    relay.settle(customer(oid, str(one.address), on(5), city="Reno"))
    relay.settle(with_profile(one, oid))
    assert relay.contact(one.address)["fields"]["city"] == "Reno"
    other = Order()
    relay.settle(customer(new_oid(), str(other.address), "2026-02-01T10:00:00-05:00", city="Reno"))
    relay.settle(paid(other))
    assert relay.contact(other.address)["fields"]["city"] == "Austin"


def test_consent_is_told_only_when_the_shop_says_so(relay: Relay):
    oid, email = new_oid(), address()
    name, payload = customer(oid, email, on(1))
    relay.settle((name, payload | {"privacy": {"marketing": True, "last_update_dts": on(1)}}))
    assert relay.contact(email)["fields"]["bulk_mail"] == "1"
    name, payload = customer(oid, email, on(2))
    relay.settle((name, payload | {"do_not_send_mail": True}))
    assert relay.contact(email)["fields"]["bulk_mail"] == "0"


def test_a_changed_email_changes_the_same_contact(relay: Relay):
    oid, before, after = new_oid(), address(), address()
    relay.settle(customer(oid, before, on(1)))
    contact_id = relay.contact(before)["id"]
    relay.settle(customer(oid, after, on(2)))
    assert relay.contact(after)["id"] == contact_id
    assert before not in emails(relay)

    relay.settle(customer(oid, before, on(3), city="Reno"))
    assert relay.contact(before)["id"] == contact_id
    assert relay.contact(before)["fields"]["city"] == "Reno"
    assert after not in emails(relay)


def test_a_customer_who_is_known_by_an_order_keeps_the_contact_with_another_email(relay: Relay):
    one, oid, after = Order(), new_oid(), address()
    relay.settle(with_profile(one, oid))
    contact_id = relay.contact(one.address)["id"]
    relay.settle(customer(oid, after, on(10)))
    assert relay.contact(after)["id"] == contact_id
    late = Order(email=one.address)
    relay.settle(with_profile(late, oid))
    assert relay.sale(late)["contact_id"] == contact_id
    assert one.address not in emails(relay)


def test_an_old_order_under_an_address_that_was_given_up_goes_to_the_same_contact(relay: Relay):
    one, oid, now = Order(), new_oid(), address()
    relay.settle(customer(oid, now, on(10), city="Reno"))
    relay.settle(with_profile(one, oid))
    assert relay.sale(one)["contact_id"] == relay.contact(now)["id"]
    assert relay.contact(now)["fields"]["city"] == "Reno"
    assert one.address not in emails(relay)


def test_an_order_of_a_known_customer_under_a_new_address_changes_the_contact(relay: Relay):
    oid, before, one = new_oid(), address(), Order()
    relay.settle(customer(oid, before, "2026-02-01T10:00:00-05:00"))
    contact_id = relay.contact(before)["id"]
    relay.settle(with_profile(one, oid))
    assert relay.sale(one)["contact_id"] == contact_id == relay.contact(one.address)["id"]


def test_an_order_under_another_address_than_the_profiles_is_another_contact(relay: Relay):
    oid, email, one = new_oid(), address(), Order()
    relay.settle(customer(oid, email, "2026-02-01T10:00:00-05:00"))
    relay.settle(paid(one, customer_profile={"customer_profile_oid": oid, "email": email}))
    assert {email, one.address} <= set(emails(relay))


def test_orders_alone_never_change_an_address(relay: Relay):
    oid, one, other = new_oid(), Order(), Order()
    relay.settle(with_profile(one, oid), with_profile(other, oid))
    assert {one.address, other.address} <= set(emails(relay))


def test_a_new_address_that_has_a_contact_of_its_own_leaves_both_as_they_are(relay: Relay):
    one, oid, before = Order(), new_oid(), address()
    relay.settle(paid(one))
    relay.settle(customer(oid, before, on(1)))
    relay.settle(customer(oid, str(one.address), on(5)))
    assert {before, one.address} <= set(emails(relay))
    later = Order(email=one.address)
    relay.settle(with_profile(later, oid))
    assert relay.sale(later)["contact_id"] == relay.sale(one)["contact_id"]


def test_a_merged_contact_of_a_customer_is_looked_up_by_the_new_email(relay: Relay):
    oid, before, after = new_oid(), address(), address()
    relay.settle(customer(oid, before, on(1)))
    relay.sandbox.remove_contact(relay.contact(before)["id"])
    relay.settle(customer(oid, after, on(2), city="Reno"))
    assert relay.contact(after)["fields"].items() >= {"city": "Reno", "firstname": "Jane"}.items()
    assert relay.last("customer", f"customer:{oid}")["st"] == "delivered"


def test_of_changes_that_wait_only_the_last_is_sent(relay: Relay):
    oid, email = new_oid(), address()
    before = relay.requests(UPSERT)
    with relay.held_back():
        for day in range(1, 6):
            relay.tell(customer(oid, email, on(day), city=f"City {day}"))
    relay.settle()
    assert relay.contact(email)["fields"]["city"] == "City 5"
    assert relay.requests(UPSERT) - before == 1


def test_a_customer_without_an_address_is_skipped_with_the_reason(relay: Relay):
    oid = new_oid()
    relay.settle(customer(oid, "", on(1)))
    last = relay.last("customer", f"customer:{oid}")
    assert (last["st"], last["r"]) == (
        "skipped",
        "the customer has no e-mail address, so there is no contact for it",
    )


def test_a_date_of_another_age_holds_back_no_later_change(relay: Relay):
    oid, email = new_oid(), address()
    relay.settle(customer(oid, email, "9999-12-31T23:59:59-05:00", city="Reno"))
    relay.settle(customer(oid, email, on(5), city="Waco"))
    assert relay.contact(email)["fields"]["city"] == "Waco"

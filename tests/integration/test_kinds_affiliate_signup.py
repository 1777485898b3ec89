"""The affiliates of the shop as contacts, and the credit for the sales that they brought."""

from typing import Any

import pytest

from app.settings import Merchant
from tasks.affiliate_polling import poll_affiliates
from tests.contract.shops import ShopAt
from tests.integration.engine import ACCOUNT
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import new_oid, paid

pytestmark = pytest.mark.server

RULES = 'affiliate_program_id = "3"'
UPDATE, LOG = "PUT /Contacts", "POST /transaction/processManual"


@pytest.fixture
def shop(relay: Relay) -> ShopAt:
    return ShopAt(relay.sandbox)


@pytest.fixture
def merchant(relay: Relay) -> Merchant:
    return relay.services.settings.merchants["DEMO"]


def affiliate(**more: Any) -> dict[str, Any]:
    """An active affiliate."""
    oid = new_oid()
    return {
        "affiliate_oid": oid,
        "email": f"partner.{oid}@example.com",
        "first_name": "Ann",
        "status": "Active",
    } | more


def poll(relay: Relay, merchant: Merchant, shop: ShopAt, *affiliates: dict[str, Any]) -> None:
    """Fills the shop, polls it once, and awaits that all is delivered."""
    shop.fill(affiliates=list(affiliates))
    report = poll_affiliates(relay.services, merchant)
    assert report.ending == "done", report
    relay.settle()


def test_a_new_affiliate_is_a_contact_with_number_and_approval(
    relay: Relay, merchant: Merchant, shop: ShopAt
):
    ann, joe = affiliate(), affiliate(status="Inactive", first_name="Joe")
    poll(relay, merchant, shop, ann, joe)
    wanted = {"AffiliateId": str(ann["affiliate_oid"]), "Affiliate Approved": "True", "program_id": "3"}
    assert relay.contact(ann["email"])["fields"].items() >= (wanted | {"firstname": "Ann"}).items()
    assert relay.contact(joe["email"])["fields"]["Affiliate Approved"] == "False"


def test_a_changed_affiliate_changes_and_an_unchanged_one_costs_nothing(
    relay: Relay, merchant: Merchant, shop: ShopAt
):
    ann, joe = affiliate(status="Inactive"), affiliate()
    poll(relay, merchant, shop, ann, joe)
    before = relay.requests()
    poll(relay, merchant, shop, ann | {"status": "Active"})
    assert relay.contact(ann["email"])["fields"]["Affiliate Approved"] == "True"
    assert relay.requests() - before == 1
    poll(relay, merchant, shop, ann)
    assert relay.contact(ann["email"])["fields"]["Affiliate Approved"] == "False"


def test_a_sale_of_a_known_affiliate_credits_it_before_the_sale(
    relay: Relay, merchant: Merchant, shop: ShopAt
):
    ann, one, again = affiliate(), Order(), Order()
    poll(relay, merchant, shop, ann)
    credited = [{"affiliate_oid": ann["affiliate_oid"], "sub_id": "newsletter"}, {"affiliate_oid": 1}]
    relay.settle(paid(one, affiliates=credited))
    partner = relay.contact(ann["email"])["id"]
    assert relay.contact(one.address)["fields"]["lreferrer"] == partner
    exchanges = relay.services.log.exchanges(relay.last("sale", f"order:{one.id}")["id"])
    calls = [f"{exchange['method']} {exchange['path']}" for exchange in exchanges]
    written, logged = (
        next(n for n, call in enumerate(calls) if call.endswith(end)) for end in ("PUT /Contacts", LOG)
    )
    assert written < logged

    before = relay.requests(UPDATE)
    relay.settle(paid(Order(email=one.address), affiliates=credited), paid(again))
    assert relay.requests(UPDATE) == before
    assert "lreferrer" not in relay.contact(again.address)["fields"]


NOTED = "Referring AffiliateId"


def test_a_stranger_is_not_credited_but_noted_without_a_request_of_its_own(relay: Relay):
    one, again, oids = Order(), Order(), (new_oid(), new_oid())
    relay.settle(paid(one, affiliates=[{"affiliate_oid": oids[0]}]))
    fields = relay.contact(one.address)["fields"]
    assert (fields[NOTED], "lreferrer" in fields) == (str(oids[0]), False)
    # The buyer is no affiliate.
    assert not {"AffiliateId", "Affiliate Approved"} & set(fields)
    assert len(relay.sales(one)) == 1
    before = relay.requests()
    relay.settle(paid(again, affiliates=[{"affiliate_oid": oids[1]}]))
    assert relay.contact(again.address)["fields"][NOTED] == str(oids[1])
    assert relay.requests() - before == 2


def test_an_affiliate_who_becomes_known_is_credited_from_then_on(
    relay: Relay, merchant: Merchant, shop: ShopAt
):
    ann, one = affiliate(), Order()
    credited = [{"affiliate_oid": ann["affiliate_oid"]}]
    relay.settle(paid(one, affiliates=credited))
    poll(relay, merchant, shop, ann)
    relay.settle(paid(Order(email=one.address), affiliates=credited))
    fields = relay.contact(one.address)["fields"]
    assert fields["lreferrer"] == relay.contact(ann["email"])["id"]
    assert fields[NOTED] == str(ann["affiliate_oid"])


def test_a_field_that_may_not_be_made_does_not_hold_back_the_sale(relay: Relay):
    relay.services.client.hdel(f"f:{ACCOUNT}", NOTED)
    relay.services.client.delete(f"l:{ACCOUNT}:custom_field:{NOTED}")
    refusal = {"kind": "answer", "status": 403, "body": "No permission"}
    relay.sandbox.faults({"match": {"path": "/objects/meta"}, "times": 1, "do": refusal})
    one = Order()
    relay.settle(paid(one, affiliates=[{"affiliate_oid": new_oid()}]))
    assert len(relay.sales(one)) == 1
    assert NOTED not in relay.contact(one.address)["fields"]
    assert "is not noted" in relay.last("sale", f"order:{one.id}")["r"]


def test_an_affiliate_who_is_a_customer_has_one_contact(relay: Relay, merchant: Merchant, shop: ShopAt):
    one = Order()
    relay.settle(paid(one))
    ann = affiliate(email=str(one.address).upper(), first_name="Other")
    poll(relay, merchant, shop, ann)
    fields = relay.contact(one.address)["fields"]
    assert (fields["AffiliateId"], fields["firstname"]) == (str(ann["affiliate_oid"]), "Jane")


def test_a_webhook_of_affiliates_is_understood(relay: Relay):
    ann = affiliate()
    relay.settle(("affiliate_create", {"merchant_id": "DEMO", **ann}))
    assert relay.contact(ann["email"])["fields"]["Affiliate Approved"] == "True"


def test_an_affiliate_without_an_address_is_a_letter_in_plain_words(relay: Relay):
    nobody = affiliate(email=None)
    relay.settle(("affiliate_update", {"merchant_id": "DEMO", **nobody}))
    last = relay.last("affiliate_signup", f"affiliate:{nobody['affiliate_oid']}")
    assert (last["st"], last["f"]) == ("dead", "mapping")
    assert "no e-mail address" in last["r"]

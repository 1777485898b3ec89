"""Customers, affiliates, items and stages of orders: rules best shown one by one."""

from decimal import Decimal

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.affiliates import AffiliatePlan, plan_affiliate
from app.relay.contacts import ContactPlan
from app.relay.customers import plan_customer
from app.relay.items import plan_item
from app.relay.order_statuses import OrderStatusPlan, plan_order_status
from app.settings import Exclusions, MappingRules, OrderStatusRule
from tests.unit import payloads

PAID_MS = 1772460921000
EVERYTHING = OrderStatusRule("Tag", True, "Status", "Tracking")


def payload(case, **changes):
    return dict(payloads.payload(case)) | changes


def customer(case="customer_create__both_addresses", rules=None, **changes):
    return plan_customer(payload(case, **changes), rules or MappingRules())


def affiliate(case="affiliate_update__active", rules=None, **changes):
    return plan_affiliate(payload(case, **changes), rules or MappingRules())


def item(case="item_create__priced", **rules):
    return plan_item(case.split("__")[0], payload(case), MappingRules(**rules))


def order_status(case, changes=None, **rules):
    given = MappingRules(order_statuses=rules.pop("statuses", {}), **rules)
    return plan_order_status(case.split("__")[0], payload(case, **changes or {}), given)


def refusal(make):
    with pytest.raises(DeliveryFailure) as caught:
        make()
    assert caught.value.failure is FailureClass.MAPPING
    return caught.value.reason


def test_a_customer_is_a_contact():
    assert customer() == ContactPlan(
        email="jane.doe@example.com",
        groups={
            "name": {"firstname": "Jane", "lastname": "Doe"},
            "address": {
                "address": "1 Main St",
                "city": "Austin",
                "state": "TX",
                "zip": "78758",
                "country": "US",
            },
            "phone": {"office_phone": "5125550100"},
        },
        version=PAID_MS,
        customer_id="900",
    )


@pytest.mark.parametrize(
    ("case", "city"),
    [
        ("customer_create__both_addresses", "Austin"),
        ("customer_update__shipping_only", "Dallas"),
        ("customer_update__last_used_address", "Houston"),
        ("customer_update__default_address", "Waco"),
    ],
)
def test_billing_goes_over_shipping_and_the_default_over_the_last_used(case, city):
    assert customer(case).groups["address"]["city"] == city


def test_without_an_address_only_the_person_is_known():
    assert dict(customer(billing=None, shipping=[]).groups) == {}
    assert customer(billing=[None, {}], shipping=None).groups == {}


@pytest.mark.parametrize(
    ("case", "consent"),
    [
        ("customer_create__both_addresses", None),
        ("customer_update__agreed", "1"),
        ("customer_update__refused", "0"),
        ("customer_update__never_asked", None),
        ("customer_update__no_mail", "0"),
    ],
)
def test_consent_goes_out_only_where_the_shop_tells_it(case, consent):
    told = customer(case).groups.get("consent")
    assert told == (consent and {"bulk_mail": consent})


@pytest.mark.parametrize("flag", [None, False])
def test_that_mail_is_not_forbidden_is_no_consent(flag):
    assert "consent" not in customer(do_not_send_mail=flag).groups


def test_customers_that_make_no_contact():
    assert customer(email=" ") == Skipped("the customer has no e-mail address, so there is no contact for it")
    assert "no id" in refusal(lambda: customer("customer_update__no_id"))
    assert "has an e-mail that is no e-mail address" in refusal(lambda: customer(email="jane"))
    assert "billing is no list" in refusal(lambda: customer("customer_update__wrong_type"))
    tags = MappingRules(exclude=Exclusions(tags=("Wholesale",)))
    assert customer("customer_update__tagged", tags) == Skipped("the tag Wholesale is excluded")
    assert isinstance(customer(rules=tags), ContactPlan)


@pytest.mark.parametrize(
    ("status", "approved"),
    [("Active", True), ("active", True), ("Inactive", False), ("Pending", False), ("Terminated", False)],
)
def test_an_active_affiliate_is_approved_and_no_other(status, approved):
    made = affiliate(status=status)
    assert isinstance(made, AffiliatePlan)
    assert (made.oid, made.approved, made.program_id) == ("12", approved, "")


def test_an_affiliate_is_a_contact_too():
    contact = affiliate(rules=MappingRules(affiliate_program_id="3")).contact
    assert contact.email == "pat@example.com"
    assert contact.fields == {
        "firstname": "Pat",
        "lastname": "Partner",
        "company": "Partner Ltd",
        "address": "2 Side St",
        "city": "Darwin",
        "state": "AU_NT",
        "zip": "0800",
        "country": "AU",
        "office_phone": "5125550102",
    }
    assert contact.version == 0
    assert affiliate(rules=MappingRules(affiliate_program_id="3")).program_id == "3"


def test_affiliates_that_make_no_contact():
    assert "no id" in refusal(lambda: affiliate(affiliate_oid=None))
    assert "no e-mail address" in refusal(lambda: affiliate(email=""))
    assert "Active or Inactive" in refusal(lambda: affiliate(status=None))
    rules = MappingRules(exclude=Exclusions(emails=("PAT@*",)))
    assert affiliate(rules=rules) == Skipped("e-mail addresses like PAT@* are excluded")


def test_an_item_is_a_product_by_its_mapped_name_or_its_id():
    made = item(products={"BOWL": "Dog Bowl"})
    assert (made.item_id, made.product_name, made.price) == ("BOWL", "Dog Bowl", Decimal("20.00"))
    assert (made.description, made.version) == ("A bowl of steel", PAID_MS)
    assert item().product_name == "BOWL"


@pytest.mark.parametrize(
    ("case", "active", "deleted"),
    [
        ("item_create__priced", True, False),
        ("item_update__inactive", False, False),
        ("item_delete__priced", False, True),
    ],
)
def test_whether_an_item_can_be_bought(case, active, deleted):
    assert (item(case).active, item(case).deleted) == (active, deleted)


def test_an_items_price_is_the_regular_one_or_not_told():
    assert item("item_update__no_pricing").price is None
    assert "negative price: -1.00" in refusal(lambda: item("item_update__negative_price"))
    assert "pricing.cost is no number" in refusal(lambda: item("item_update__wrong_type"))
    assert "no item id" in refusal(lambda: item("item_update__no_item_id"))


@pytest.mark.parametrize("case", ["order_ship__one_parcel", "order_reject__paid"])
def test_nothing_is_done_at_a_stage_for_which_nothing_is_configured(case):
    skipped = Skipped(f"nothing is configured for {case.split('__')[0]} (order_statuses in the settings)")
    assert order_status(case) == skipped
    assert (
        order_status(case, statuses={"shipped": OrderStatusRule(), "rejected": OrderStatusRule()}) == skipped
    )


def test_a_shipped_order():
    made = order_status("order_ship__two_parcels", statuses={"shipped": EVERYTHING})
    assert isinstance(made, OrderStatusPlan)
    parcels = "1Z999AA10123456784, 9400110200881234567890"
    assert (made.status, made.tags) == ("shipped", ("Tag",))
    assert made.note == f"Order DEMO-0009104463 was shipped. Tracking: {parcels}."
    assert made.fields == {"Status": "shipped", "Tracking": parcels}
    assert made.contact.email == "jane.doe@example.com"


def test_a_rejected_order():
    made = order_status("order_reject__paid", statuses={"rejected": EVERYTHING})
    assert (made.status, made.tags, made.tracking_numbers) == ("rejected", ("Tag",), ())
    assert made.note == "Order DEMO-0009104462 was rejected (Fraud)."
    assert made.fields == {"Status": "rejected"}


def test_only_what_is_configured_is_done():
    made = order_status("order_ship__one_parcel", statuses={"shipped": OrderStatusRule(tag="Shipped")})
    assert (made.tags, made.note, dict(made.fields)) == (("Shipped",), "", {})
    made = order_status("order_ship__no_number", statuses={"shipped": EVERYTHING})
    assert (made.note, dict(made.fields)) == ("Order DEMO-0009104463 was shipped.", {"Status": "shipped"})


def test_stages_that_are_not_told_of():
    shipped = {"statuses": {"shipped": EVERYTHING}}
    assert "no e-mail address" in refusal(lambda: order_status("order_ship__no_email", **shipped))
    test = {"payment": {"test_order": True}}
    assert order_status("order_ship__one_parcel", test, **shipped) == Skipped("test order")
    exclude = Exclusions(payment_methods=("credit card",))
    assert order_status("order_ship__one_parcel", exclude=exclude, **shipped).reason.endswith("is excluded")

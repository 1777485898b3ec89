"""Rules of the sale that are best shown one by one; whole orders stand in the golden files."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.lines import ADJUSTMENT, SHIPPING, SURCHARGE, TAX
from app.relay.sales import SalePlan, plan_sale
from app.settings import MappingRules
from tests.unit import payloads

PAID_AT = datetime(2026, 3, 2, 14, 15, 21, tzinfo=UTC)
CREATED_AT = datetime(2026, 3, 2, 14, 15, tzinfo=UTC)


def paid(**changes):
    return dict(payloads.payload("order_create__paid")) | changes


def plan(order, name="order_create", live_since=None, **rules):
    return plan_sale(name, order, MappingRules(**rules), live_since)


def sale(order, *args, **rules):
    made = plan(order, *args, **rules)
    assert isinstance(made, SalePlan), made
    return made


def refusal(order, **rules):
    with pytest.raises(DeliveryFailure) as caught:
        plan(order, **rules)
    assert caught.value.failure is FailureClass.MAPPING
    return caught.value


def with_billing(**fields):
    return paid(billing=paid()["billing"] | fields, customer_profile=None)


def test_the_date_of_a_sale():
    assert sale(paid()).paid_at == PAID_AT
    unpaid_date = paid(payment={"payment_status": "Processed"})
    assert sale(unpaid_date).paid_at == CREATED_AT
    assert "neither when it was paid" in refusal(unpaid_date | {"creation_dts": None}).reason


def test_a_sale_before_the_switch_on_is_skipped():
    assert isinstance(plan(paid(), live_since=PAID_AT), SalePlan)
    late = plan(paid(), live_since=PAID_AT + timedelta(seconds=1))
    assert late == Skipped("paid on 2026-03-02 14:15 UTC, before the relay was switched on")


def test_an_old_order_that_is_paid_now_is_a_sale():
    order = paid(payment={"payment_status": "Processed"}, creation_dts="2020-01-01T00:00:00Z")
    assert isinstance(plan(order, "order_payment_process", live_since=PAID_AT), SalePlan)
    assert isinstance(plan(order, "order_update", live_since=PAID_AT), Skipped)
    dated = order | {"payment": {"payment_dts": "2020-01-01T00:00:00Z"}}
    assert isinstance(plan(dated, "order_payment_process", live_since=PAID_AT), Skipped)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payment": {"payment_status": "Processed", "test_order": True}, "summary": None}, "test order"),
        ({"payment": {"payment_status": "Authorized"}}, "not paid"),
        ({"summary": {"total": {"value": 0}}}, "total is 0.00"),
        ({"summary": {"total": {"value": Decimal("0.004")}}}, "total is 0.00"),
    ],
)
def test_skipped(changes, reason):
    assert plan(paid(**changes)) == Skipped(reason)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"payment": None}, "`payment`"),
        ({"summary": None}, "`summary`"),
        ({"items": None}, "`item`"),
        ({"billing": None, "customer_profile": None}, "`billing`"),
        ({"summary": {}}, "no total"),
        ({"summary": {"total": {}}}, "no total"),
        ({"summary": {"total": {"value": -5}}}, "negative"),
        ({"items": [{"quantity": 1}]}, "holds an item without an id"),
    ],
)
def test_what_is_missing_is_named(changes, words):
    failure = refusal(paid(**changes))
    assert words in failure.reason
    assert "`" not in words or words in failure.hint


@pytest.mark.parametrize(
    ("billing", "profile", "email"),
    [
        ("Jane.Doe@Example.COM ", None, "jane.doe@example.com"),
        ("jane@example.com", "other@example.com", "jane@example.com"),
        ("", "Other@Example.com", "other@example.com"),
        (None, "other@example.com", "other@example.com"),
    ],
)
def test_email(billing, profile, email):
    order = paid(billing={"email": billing}, customer_profile={"email": profile})
    assert sale(order).contact.email == email


@pytest.mark.parametrize("email", [None, "", "  "])
def test_no_email(email):
    assert "no e-mail address" in refusal(with_billing(email=email)).reason


@pytest.mark.parametrize(
    "email", ["jane", "@example.com", "jane@", "a b@example.com", "a@b.com,c@d.com", "a\t@b.com"]
)
def test_an_email_that_is_none(email):
    failure = refusal(with_billing(email=email))
    assert "no e-mail address" in failure.reason
    assert email not in failure.reason


def test_contact_fields_are_grouped_and_never_empty():
    contact = sale(paid()).contact
    assert dict(contact.groups) == {
        "name": {"firstname": "Jane", "lastname": "Doe", "company": "Acme Pets"},
        "address": {
            "address": "1 Main St",
            "address2": "Suite 5",
            "city": "Austin",
            "state": "TX",
            "zip": "78758",
            "country": "US",
        },
        "phone": {"office_phone": "5125550100", "cell_phone": "5125550101"},
    }
    assert (contact.customer_id, contact.version, contact.seen) == ("900", 1772460900000, 1772460921000)
    bare = sale(paid(billing={"email": "a@example.com", "first_name": " ", "city": None})).contact
    assert dict(bare.groups) == {}


@pytest.mark.parametrize(
    ("country", "state", "written"),
    [
        ("AU", "NT", "AU_NT"),
        ("au", "wa", "AU_WA"),
        ("AU", "NSW", "NSW"),
        ("US", "WA", "WA"),
        ("CA", "NT", "NT"),
    ],
)
def test_australian_states(country, state, written):
    fields = sale(with_billing(country_code=country, state_region=state)).contact.fields
    assert (fields["country"], fields["state"]) == (country.upper(), written)


def test_products_bear_the_merchants_names():
    made = sale(
        payloads.payload("order_create__shipping_and_tax"),
        products={"BONE": "Golden Bone"},
        shipping_product="Freight",
        tax_product="VAT",
    )
    assert [(line.item_id, line.product_name) for line in made.lines] == [
        ("BONE", "Golden Bone"),
        (SHIPPING, "Freight"),
        (TAX, "VAT"),
    ]


def test_reserved_ids_cannot_be_item_ids():
    assert all(len(reserved) > 20 for reserved in (SHIPPING, TAX, SURCHARGE, ADJUSTMENT))


def test_a_kit_tells_its_revenue_once():
    made = sale(payloads.payload("order_create__kit"))
    assert [line.item_id for line in made.lines] == ["STARTER-KIT", "BONE"]
    priced = sale(payloads.payload("order_create__kit_and_components_priced"))
    assert [(line.item_id, line.price) for line in priced.lines] == [("STARTER-KIT", Decimal("50.00"))]
    unpriced = sale(payloads.payload("order_create__kit_without_price"))
    assert [line.item_id for line in unpriced.lines] == ["BOWL", "LEASH"]


@pytest.mark.parametrize(
    "links",
    [
        [{}, {"parent_item_index": 9}, {}],
        [{"parent_item_index": 1}, {}, {}],
        [{"parent_item_index": 2}, {"parent_item_index": 1}, {}],
        [{"parent_item_index": 2}, {"parent_item_index": 1}, {"parent_item_index": 1}],
        [{}, {"kit_component": True}, {"parent_merchant_item_id": "GONE"}],
    ],
    ids=["no such parent", "its own parent", "each other's parents", "a part of these", "no kit"],
)
def test_components_without_a_kit_are_lines(links):
    items = [
        {"merchant_item_id": name, "item_index": index, "quantity": 1, "cost": {"value": 10}} | link
        for index, (name, link) in enumerate(zip("ABC", links, strict=True), start=1)
    ]
    made = sale(paid(items=items, summary={"total": {"value": 30}}))
    assert [(line.item_id, line.price) for line in made.lines] == [(name, Decimal("10.00")) for name in "ABC"]


def test_a_kit_within_a_kit_and_a_component_that_names_no_parent():
    items = [
        {"merchant_item_id": "BIG", "item_index": 1, "quantity": 1, "cost": {"value": 30}, "kit": True},
        {
            "merchant_item_id": "MID",
            "item_index": 2,
            "parent_item_index": 1,
            "kit": True,
            "kit_component": True,
        },
        {"merchant_item_id": "SMALL", "item_index": 3, "parent_item_index": 2, "cost": {"value": 9}},
        {"merchant_item_id": "TINY", "item_index": 4, "kit_component": True, "cost": {"value": 9}},
    ]
    made = sale(paid(items=items, summary={"total": {"value": 30}}))
    assert [line.item_id for line in made.lines] == ["BIG"]


def test_free_items_stay_and_lines_of_nothing_go():
    items = [
        {"merchant_item_id": "A", "quantity": 1, "cost": {"value": 5}},
        {"merchant_item_id": "FREE", "quantity": 2, "cost": {"value": 0}},
        {"merchant_item_id": "NONE", "quantity": 0, "cost": {"value": 5}},
    ]
    made = sale(paid(items=items, summary={"total": {"value": 5}}))
    assert [(line.item_id, str(line.price), line.quantity) for line in made.lines] == [
        ("A", "5.00", 1),
        ("FREE", "0.00", 2),
    ]


def test_an_amount_that_nothing_explains_is_a_line_of_its_own():
    made = sale(payloads.payload("order_create__unexplained_amount"))
    assert [(line.item_id, str(line.price)) for line in made.lines] == [
        ("BONE", "19.99"),
        (ADJUSTMENT, "2.50"),
    ]


def test_a_free_item_stays_free():
    items = [{"merchant_item_id": "FREE", "quantity": 1, "cost": {"value": 0}}]
    made = sale(paid(items=items, summary={"total": {"value": Decimal("0.01")}}))
    assert [(line.item_id, str(line.price)) for line in made.lines] == [
        ("FREE", "0.00"),
        (ADJUSTMENT, "0.01"),
    ]


def test_tags_come_once_each_and_in_order():
    tags = sale(
        payloads.payload("order_create__kit"),
        order_tags=("Customer", "Shop"),
        item_tags={"BONE": ("Bone", "Shop"), "LEASH": ("Leash",), "OTHER": ("Other",)},
    ).tags
    assert tags == ("Customer", "Shop", "Leash", "Bone")


@pytest.mark.parametrize(("codes", "ours"), [((), False), (("OTHER",), False), (("thiio",), True)])
def test_orders_that_we_pushed_in_are_marked(codes, ours):
    made = sale(payloads.payload("order_create__channel_partner"), channel_partner_codes=codes)
    assert made.from_channel_partner is ours
    assert ("from us as CRM-77" in made.note) is ours


def test_an_order_without_channel_partner_is_never_ours():
    assert sale(paid(), channel_partner_codes=("",)).from_channel_partner is False
    empty = paid(channel_partner={"channel_partner_code": ""})
    assert sale(empty, channel_partner_codes=("",)).from_channel_partner is False


def test_the_first_affiliate_sent_the_order():
    assert sale(payloads.payload("order_create__affiliate")).affiliate_id == "12"
    assert sale(paid(affiliates=[])).affiliate_id is None
    assert sale(paid(affiliates=[{}])).affiliate_id is None


def test_a_rebill_is_a_sale_of_its_own():
    made = sale(payloads.payload("order_create__rebill"))
    assert (made.order_id, made.note) == ("DEMO-0009104429", "Rebill of DEMO-0009104401")
    assert sale(payloads.payload("order_create__first_of_auto_order")).note == ""


def test_the_customers_currency_is_told_and_the_shops_is_logged():
    made = sale(payloads.payload("order_create__foreign_currency"))
    assert (made.total, made.currency, made.note) == (Decimal("39.98"), "EUR", "The customer saw 36.78 EUR")

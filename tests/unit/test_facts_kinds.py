"""What an event means besides a sale: refunds, statuses, profiles, items; and what counts of them."""

from decimal import Decimal

import pytest

from app.events import Event, Fact, Kind, Rule
from app.relay.facts import facts
from app.ultracart.identity import object_key
from tests.unit import payloads

ACCOUNT = "ontraport:DEMO"
PAID_MS, FIRST_MS = 1772460921000, 1773068400000


def told(name, payload):
    return facts(Event(name, "DEMO", object_key(name, payload), payload, b"", b""), ACCOUNT)


def of(case, **changes):
    """The facts of a payload file, changed."""
    return told(case.split("__")[0], dict(payloads.event(case).payload) | changes)


def only(case, kind, **changes):
    return next((fact for fact in of(case, **changes) if fact.kind is kind), None)


def refund(case="order_refund__partial", **changes):
    return only(case, Kind.REFUND, **changes)


def summary(refunded):
    return {"total": {"value": 39.98, "currency_code": "USD"}, "total_refunded": refunded}


def test_a_refund_tells_the_total_so_far_behind_its_sale():
    sale, refunded = of("order_refund__partial")
    assert (sale.kind, sale.value) == (Kind.SALE, "3998")
    assert refunded == Fact(
        Kind.REFUND,
        ACCOUNT,
        "order:DEMO-0009104460",
        FIRST_MS,
        Decimal("19.99"),
        "USD",
        Rule.GROW,
        "1999",
    )


@pytest.mark.parametrize(
    ("case", "value"),
    [
        ("order_refund__second_partial", "2999"),
        ("order_refund__rest", "3998"),
        ("order_refund__more_than_total", "4500"),
        ("order_refund__taken_back", "0"),
        ("order_refund__negative", "-500"),
        ("order_refund__all_quantities", "3998"),
        ("order_refund__some_lines", "3317"),
        ("order_refund__status_only", "3998"),
        ("order_refund__amount_untold", "1"),
        ("order_refund__default_expansion", "1"),
        ("order_update__partially_refunded", "1999"),
        ("order_update__voided", "3998"),
        ("order_reject__paid", "3998"),
        ("order_reject__paid_partially_refunded", "3998"),
        ("order_stage_change__rejected_paid", "3998"),
        ("order_delete__paid", "3998"),
        ("chargeback_create__of_order", "3998"),
        ("chargeback_create__no_order", "1"),
    ],
)
def test_how_much_was_refunded(case, value):
    assert refund(case).value == value


@pytest.mark.parametrize(
    "case",
    [
        "order_create__paid",
        "order_reject__unpaid",
        "order_delete__unpaid",
        "order_payment_failed__declined",
        "order_update__total_changed",
        "chargeback_update__won",
    ],
)
def test_no_refund(case):
    assert refund(case) is None


@pytest.mark.parametrize("name", ["order_reject__paid", "order_delete__paid"])
def test_what_ended_without_a_word_of_its_payment_is_left_to_the_worker(name):
    assert refund(name, payment=None).value == "3998"
    assert refund(name, payment=None, summary=None, items=None).value == "1"


@pytest.mark.parametrize("odd", [None, 5, "NaN", {"value": None}, {"value": "much"}, {"value": 1e15}])
def test_an_amount_that_is_none_is_left_to_the_worker(odd):
    assert refund(summary=summary(odd), items=None).value == "1"
    assert refund("order_create__paid", summary=summary(odd)) is None


def test_the_sale_tells_its_total_and_an_edit_another_one():
    assert only("order_create__paid", Kind.SALE).value == "3998"
    assert only("order_update__total_changed", Kind.SALE).value == "5498"
    assert (
        only("order_create__paid", Kind.SALE).subject
        == only("order_update__total_changed", Kind.SALE).subject
    )
    assert only("order_create__no_summary", Kind.SALE).value == ""


def test_what_is_said_of_one_order_is_in_the_order_of_its_line():
    assert [fact.kind for fact in of("order_reject__paid")] == [Kind.SALE, Kind.REFUND, Kind.ORDER_STATUS]
    assert {fact.subject for fact in of("order_reject__paid")} == {"order:DEMO-0009104462"}


def test_an_order_tells_the_status_of_its_auto_order():
    (_, status) = of("order_update__auto_order_cancelled")
    assert (status.kind, status.subject, status.rule) == (Kind.AUTO_ORDER_STATUS, "auto_order:77", Rule.STATE)
    assert status.version == 1773673200000
    assert only("order_update__auto_order_without_id", Kind.AUTO_ORDER_STATUS) is None
    unpaid = of("order_create__unpaid_accounts_receivable", auto_order={"auto_order_oid": 5, "enabled": True})
    assert [fact.kind for fact in unpaid] == [Kind.AUTO_ORDER_STATUS]


def test_the_copy_inside_an_order_says_the_same_as_the_auto_order_itself():
    auto_order = {"auto_order_oid": 77, "status": "canceled", "canceled_dts": "2026-03-16T11:00:00-04:00"}
    (by_itself,) = told("auto_order_cancel", auto_order)
    assert by_itself == only("order_create__paid", Kind.AUTO_ORDER_STATUS, auto_order=auto_order)


@pytest.mark.parametrize(
    "changes",
    [
        {"management": {"update_billing_url": "https://example.com/2"}},
        {"emails": [{"subject": "Hello"}]},
        {"next_attempt": "2026-05-01T00:00:00-04:00"},
        {"original_order": None},
        {"merged_dts": ""},
        {"add_ons": []},
    ],
)
def test_what_does_not_count_of_an_auto_order(changes):
    assert of("auto_order_create__active", **changes) == of("auto_order_create__active")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "canceled"},
        {"status": "merged"},
        {"completed": True},
        {"failure_reason": "Declined"},
        {"logs": [{"log_dts": "2026-06-01T00:00:00-04:00"}]},
        {"items": [{"last_order_dts": "2026-06-01T00:00:00-04:00"}]},
    ],
)
def test_what_counts_of_an_auto_order(changes):
    assert of("auto_order_create__active", **changes)[0].value != of("auto_order_create__active")[0].value


def test_merged_and_cancelled_are_two_states_whatever_words_they_get():
    ended = {"enabled": False, "canceled_dts": None}
    merged = of("auto_order_create__active", status="merged", **ended)
    assert merged[0].value != of("auto_order_create__active", status="canceled", **ended)[0].value


CUSTOMER, ITEM, AFFILIATE = (
    "customer_create__both_addresses",
    "item_create__priced",
    "affiliate_update__active",
)
BILLING = payloads.event(CUSTOMER).payload["billing"][0]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        (CUSTOMER, {"orders_summary": {"order_count": 5}, "activity": {}, "loyalty": {}, "cards": []}),
        (CUSTOMER, {"billing": [BILLING | {"last_used_dts": "2026-06-01T00:00:00-04:00"}]}),
        (CUSTOMER, {"shipping": [{"city": "Elsewhere"}], "do_not_send_mail": None}),
        (ITEM, {"last_modified_by": "me", "reviews": {"count": 5}, "content": {"view_url": "x"}}),
        (ITEM, {"pricing": {"cost": 20, "sale_cost": 1, "cogs": 3}}),
        (ITEM, {"pricing": {"cost": Decimal("20.00")}, "inactive": None}),
        (AFFILIATE, {"last_terms_acceptance": "2026-06-01", "minimum_payout": 5, "tier_relationships": []}),
    ],
)
def test_what_does_not_count_of_an_object(case, changes):
    assert [fact.value for fact in of(case, **changes)] == [fact.value for fact in of(case)]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        (CUSTOMER, {"email": "new@example.com"}),
        (CUSTOMER, {"billing": [BILLING | {"city": "Waco"}]}),
        (CUSTOMER, {"privacy": {"marketing": True}}),
        (CUSTOMER, {"do_not_send_mail": True}),
        (CUSTOMER, {"tags": [{"tag_value": "wholesale"}]}),
        (ITEM, {"pricing": {"cost": 20.01}}),
        (ITEM, {"inactive": True}),
        (ITEM, {"description": "A bowl"}),
        (AFFILIATE, {"status": "Inactive"}),
        (AFFILIATE, {"email": "new@example.com"}),
        (AFFILIATE, {"phone": None}),
    ],
)
def test_what_counts_of_an_object(case, changes):
    (before,), (after,) = of(case), of(case, **changes)
    assert (before.subject, before.version) == (after.subject, after.version)
    assert before.value != after.value


def test_a_deleted_item_is_another_state_of_it():
    (made,), (deleted,) = of("item_create__priced"), of("item_delete__priced")
    assert made.subject == deleted.subject == "item:BOWL"
    assert made.value != deleted.value


@pytest.mark.parametrize(
    ("case", "kind", "subject", "version"),
    [
        (CUSTOMER, Kind.CUSTOMER, "customer:900", PAID_MS),
        (ITEM, Kind.ITEM, "item:BOWL", PAID_MS),
        (AFFILIATE, Kind.AFFILIATE_SIGNUP, "affiliate:12", 0),
        ("order_ship__one_parcel", Kind.ORDER_STATUS, "order:DEMO-0009104463", PAID_MS),
    ],
)
def test_states(case, kind, subject, version):
    fact = only(case, kind)
    assert (fact.rule, fact.account, fact.amount) == (Rule.STATE, ACCOUNT, 0)
    assert (fact.subject, fact.version) == (subject, version)


def test_an_order_status_counts_its_parcels():
    cases = ("order_ship__no_number", "order_ship__one_parcel", "order_ship__two_parcels")
    assert len({only(case, Kind.ORDER_STATUS).value for case in cases}) == 3
    assert only("order_ship__no_number", Kind.ORDER_STATUS, creation_dts=None).value == (
        only("order_ship__no_number", Kind.ORDER_STATUS).value
    )


@pytest.mark.parametrize(
    "case", ["customer_delete__profile", "affiliate_delete__active", "order_ship_delivered__paid"]
)
def test_events_that_mean_nothing_of_their_own(case):
    assert {fact.kind for fact in of(case)} <= {Kind.SALE}


@pytest.mark.parametrize("odd", ["x" * 65, "a\nb", "", None, True, 5.5, ["BOWL"]])
def test_what_has_no_id_that_can_be_one_is_told_from_others_by_its_content(odd):
    assert of(ITEM, merchant_item_id=odd)[0].subject.startswith("item:?")


@pytest.mark.parametrize(
    "case", ["customer_update__no_id", "auto_order_update__no_id", "affiliate_update__no_id"]
)
def test_nothing_without_an_id_takes_the_place_of_another(case):
    events = [payloads.event(case)._replace(digest=digest) for digest in (b"a" * 16, b"b" * 16, b"a" * 16)]
    one, other, again = (facts(event, ACCOUNT)[0].subject for event in events)
    assert one == again != other


@pytest.mark.parametrize(
    "stamp", ["9999-12-31T23:59:59-05:00", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
)
def test_a_date_of_another_age_is_none_or_nothing_would_ever_be_newer(stamp):
    assert of(CUSTOMER, last_modified_dts=stamp, signup_dts=None)[0].version == 0

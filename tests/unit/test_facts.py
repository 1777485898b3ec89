"""What an event means: which orders are sales, how fresh a snapshot is, how much money it tells of."""

from decimal import Decimal

import pytest

from app.events import Event, Fact, Kind
from app.relay.facts import INCOMPLETE, facts, freshness, told_at
from tests.unit import payloads

ACCOUNT = "ontraport:DEMO"
DATE = "2026-03-02T09:15:21-05:00"
DATE_MS = 1772460921000
PROCESSED = {"payment_status": "Processed"}


def told(name, **payload):
    return facts(Event(name, "DEMO", "DEMO-1", {"order_id": "DEMO-1"} | payload, b"", b""), ACCOUNT)


def test_the_sale_of_a_paid_order():
    (found,) = facts(payloads.event("order_create__paid"), ACCOUNT)
    assert found == (
        Fact(
            Kind.SALE,
            ACCOUNT,
            "order:DEMO-0009104401",
            DATE_MS,
            Decimal("39.98"),
            "USD",
            value="3998",
            person=found.person,
        )
    )


def test_who_bought_is_the_same_however_it_is_rendered():
    address = {"email": "a@example.com", "city": "Boise"}
    (before,) = told("order_update", payment=PROCESSED, billing=address)
    (anew,) = told("order_update", payment=PROCESSED, billing=dict(reversed(address.items())))
    assert before.person == anew.person


def test_snapshots_of_a_sale_differ_by_who_bought():
    (before,) = told("order_update", payment=PROCESSED, billing={"email": "a@example.com"})
    (again,) = told("order_create", payment=PROCESSED, billing={"email": "a@example.com"}, items=[])
    (other,) = told("order_update", payment=PROCESSED, billing={"email": "b@example.com"})
    (profile,) = told("order_update", payment=PROCESSED, customer_profile={"email": "b@example.com"})
    assert before.person == again.person
    assert len({before.person, other.person, profile.person}) == 3


@pytest.mark.parametrize(
    ("name", "payment"),
    [
        ("order_create", {"payment_status": "Processed"}),
        ("order_create", {"payment_status": "processed", "payment_dts": None}),
        ("order_update", {"payment_status": "Skipped", "payment_dts": DATE}),
        ("order_update", {"payment_status": "Something New", "payment_dts": DATE}),
        ("order_refund", {"payment_status": "Refunded", "payment_dts": DATE}),
        ("order_refund", {"payment_status": "Voided", "payment_dts": DATE}),
        ("order_payment_process", {}),
        ("order_payment_process", {"payment_status": "Unprocessed"}),
        ("order_reject", {"payment_status": "Processed"}),
        ("order_delete", {"payment_dts": DATE}),
        ("order_ship", PROCESSED),
        ("fulfillment_transmit", PROCESSED),
        ("order_create", PROCESSED | {"test_order": True}),
        ("order_create", "of another type"),
    ],
)
def test_a_sale(name, payment):
    fact = told(name, payment=payment)[0]
    assert (fact.kind, fact.account, fact.subject) == (Kind.SALE, ACCOUNT, "order:DEMO-1")


@pytest.mark.parametrize(
    ("name", "payment"),
    [
        ("order_create", {}),
        ("order_create", {"payment_status": None, "payment_dts": None}),
        ("order_create", {"payment_status": "Unprocessed", "payment_dts": ""}),
        ("order_create", {"payment_status": "Authorized"}),
        ("order_update", {"payment_status": "Skipped"}),
        ("order_update", {"payment_status": "Refunded"}),
        ("order_reject", {"payment_status": "Declined"}),
        ("order_delete", {"payment_status": "Unprocessed"}),
        ("order_payment_failed", {"payment_status": "Capture Failed"}),
        ("customer_update", PROCESSED),
        ("auto_order_rebill", PROCESSED),
        ("chargeback_create", PROCESSED),
        ("order_of_the_phoenix", PROCESSED),
    ],
)
def test_no_sale(name, payment):
    assert Kind.SALE not in {fact.kind for fact in told(name, payment=payment)}


@pytest.mark.parametrize(
    "name", ["order_create", "order_payment_process", "order_stage_change", "order_update", "order_refund"]
)
def test_without_the_payment_the_worker_has_to_say_what_is_missing(name):
    for facts_told in (told(name), told(name, payment=None)):
        assert [fact.kind for fact in facts_told if fact.kind is Kind.SALE] == [Kind.SALE]


@pytest.mark.parametrize("name", ["order_ship", "order_reject", "order_delete"])
def test_other_events_without_the_payment_tell_of_no_sale(name):
    assert Kind.SALE not in {fact.kind for fact in told(name)}
    assert told("fulfillment_hold") == ()


@pytest.mark.parametrize(
    ("order", "stamp"),
    [
        ({}, 0),
        ({"creation_dts": DATE}, DATE_MS),
        ({"creation_dts": "2026-03-02T14:15:21Z"}, DATE_MS),
        ({"creation_dts": "2026-03-02T09:15:21"}, DATE_MS),
        ({"creation_dts": "2020-01-01T00:00:00Z", "payment": {"payment_dts": DATE}}, DATE_MS),
        ({"creation_dts": "2020-01-01T00:00:00Z", "refund_dts": DATE}, DATE_MS),
        ({"creation_dts": "2020-01-01T00:00:00Z", "reject_dts": DATE}, DATE_MS),
        (
            {
                "current_stage_histories": [
                    {"transition_dts": "2020-01-01T00:00:00Z"},
                    {"transition_dts": DATE},
                ]
            },
            DATE_MS,
        ),
        ({"current_stage_histories": [None, 5, {"transition_dts": 5}], "creation_dts": DATE}, DATE_MS),
        ({"creation_dts": "yesterday", "refund_dts": 5, "payment": 5}, 0),
        ({"creation_dts": "1900-01-01T00:00:00Z"}, 0),
    ],
)
def test_freshness_is_the_latest_of_the_orders_own_stamps(order, stamp):
    assert freshness(order) == stamp


@pytest.mark.parametrize("missing", ["payment", "summary", "items"])
def test_a_snapshot_that_lacks_a_part_is_older_than_any_other(missing):
    whole = {"creation_dts": DATE, "payment": PROCESSED, "summary": {}, "items": [], "billing": {}}
    assert told("order_create", **whole)[0].version == DATE_MS
    assert told("order_create", **(whole | {missing: None}))[0].version == INCOMPLETE == 1


def test_a_snapshot_without_its_customer_is_older_than_any_other():
    order = {"creation_dts": DATE, "payment": PROCESSED, "summary": {}, "items": []}
    assert told("order_create", **order)[0].version == INCOMPLETE
    assert told("order_create", **order, customer_profile={})[0].version == DATE_MS


@pytest.mark.parametrize(
    ("total", "amount", "currency"),
    [
        ({"value": 39.98, "currency_code": "USD"}, "39.98", "USD"),
        ({"value": 39.98, "localized": 39.98, "currency_code": "USD"}, "39.98", "USD"),
        ({"value": 39.98, "localized": 36.78, "currency_code": "EUR"}, "39.98", ""),
        ({"value": "39.98"}, "39.98", ""),
        ({"value": None, "currency_code": 5}, "0", ""),
        ({"value": "much"}, "0", ""),
        ({"value": "NaN"}, "0", ""),
        ({"value": [1]}, "0", ""),
        (None, "0", ""),
        (5, "0", ""),
    ],
)
def test_money(total, amount, currency):
    (fact,) = told("order_create", payment=PROCESSED, summary={"total": total})
    assert (str(fact.amount), fact.currency) == (amount, currency)
    assert told("order_create", payment=PROCESSED, summary=5)[0].amount == 0


LATER = "2026-04-02T09:15:21-04:00"


def an_auto_order(original, *firsts):
    return {"original_order_id": original, "items": [{"first_order_dts": first} for first in (*firsts, None)]}


@pytest.mark.parametrize(
    ("order", "stamp"),
    [
        ({}, 0),
        ({"creation_dts": DATE}, DATE_MS),
        ({"creation_dts": DATE, "refund_dts": LATER, "reject_dts": LATER}, DATE_MS),
        ({"creation_dts": DATE, "payment": {"payment_dts": LATER}}, DATE_MS),
        ({"creation_dts": DATE, "current_stage_histories": [{"transition_dts": LATER}]}, DATE_MS),
        ({"creation_dts": DATE, "auto_order": an_auto_order("DEMO-1", LATER)}, DATE_MS),
        ({"creation_dts": LATER, "auto_order": an_auto_order("DEMO-0", DATE)}, DATE_MS),
        ({"creation_dts": LATER, "auto_order": an_auto_order("DEMO-0", LATER, DATE)}, DATE_MS),
        ({"creation_dts": DATE, "auto_order": an_auto_order("DEMO-0")}, DATE_MS),
    ],
)
def test_an_address_is_as_old_as_the_order_for_which_it_was_given(order, stamp):
    assert told_at({"order_id": "DEMO-1"} | order) == stamp

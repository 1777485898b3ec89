"""Rules of the refund that are best shown one by one; whole orders stand in the golden files."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.refunds import RefundPlan, plan_refund
from app.settings import Exclusions, MappingRules
from tests.unit import payloads

TOTAL = Decimal("39.98")


def plan(case, rules=None, **changes):
    payload = dict(payloads.payload(case)) | changes
    return plan_refund(case.split("__")[0], payload, rules or MappingRules())


def refunded(case, rules=None, **changes):
    made = plan(case, rules, **changes)
    assert isinstance(made, RefundPlan), made
    return made


def refusal(case, **changes):
    with pytest.raises(DeliveryFailure) as caught:
        plan(case, **changes)
    assert caught.value.failure is FailureClass.MAPPING
    return caught.value


@pytest.mark.parametrize(
    ("case", "amount", "full"),
    [
        ("order_refund__partial", "19.99", False),
        ("order_refund__second_partial", "29.99", False),
        ("order_refund__rest", "39.98", True),
        ("order_refund__more_than_total", "45.00", True),
        ("order_refund__all_quantities", "39.98", True),
        ("order_refund__status_only", "39.98", True),
        ("order_refund__taken_back", "0.00", False),
        ("order_update__partially_refunded", "19.99", False),
        ("order_update__voided", "39.98", True),
        ("order_reject__paid", "39.98", True),
        ("order_reject__paid_partially_refunded", "39.98", True),
        ("order_stage_change__rejected_paid", "39.98", True),
        ("order_delete__paid", "39.98", True),
        ("chargeback_create__of_order", "39.98", True),
    ],
)
def test_how_much_and_whether_in_full(case, amount, full):
    made = refunded(case)
    assert (str(made.refunded), made.total, made.full) == (amount, TOTAL, full)


def test_without_a_summed_up_amount_the_lines_and_their_tax_tell():
    made = refunded("order_refund__some_lines")
    assert (made.refunded, made.total, made.full) == (Decimal("33.17"), Decimal("55.28"), False)


def test_money_counts_more_than_quantities():
    order = payloads.payload("order_refund__all_quantities")
    told = order["summary"] | {"total_refunded": {"value": Decimal("30.00")}}
    made = refunded("order_refund__all_quantities", summary=told)
    assert (made.refunded, made.full) == (Decimal("30.00"), False)


@pytest.mark.parametrize(
    ("case", "rule", "word"),
    [
        ("order_reject__paid", "refund_on_reject", "rejected"),
        ("order_stage_change__rejected_paid", "refund_on_reject", "rejected"),
        ("order_update__voided", "refund_on_void", "voided"),
        ("order_delete__paid", "refund_on_delete", "deleted"),
        ("chargeback_create__of_order", "refund_on_chargeback", "charged back"),
    ],
)
def test_what_ends_an_order_otherwise_can_be_left_out(case, rule, word):
    changes: dict[str, Any] = {rule: False}
    skipped = plan(case, MappingRules(**changes))
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith(f"{word} after it was paid")
    assert word in refunded(case).reason


def test_a_rejected_order_that_was_refunded_in_part_is_a_partial_refund_where_rejects_do_not_count():
    made = refunded("order_reject__paid_partially_refunded", MappingRules(refund_on_reject=False))
    assert (made.refunded, made.full, made.reason) == (Decimal("10.00"), False, "")


@pytest.mark.parametrize(
    ("case", "changes", "reason"),
    [
        ("order_refund__test_order", {}, "test order"),
        ("order_create__paid", {}, "nothing was refunded"),
        ("order_reject__unpaid", {}, "not paid, so there is nothing to refund"),
        ("order_delete__unpaid", {}, "not paid, so there is nothing to refund"),
        ("order_reject__paid", {"payment": None}, "not paid, so there is nothing to refund"),
        ("order_reject__paid", {"summary": {"total": {"value": 0}}}, "total is 0.00"),
    ],
)
def test_skipped(case, changes, reason):
    assert plan(case, **changes) == Skipped(reason)


@pytest.mark.parametrize(
    ("case", "changes", "words"),
    [
        ("order_refund__negative", {}, "negative refunded total: -5.00"),
        ("order_refund__amount_untold", {}, "does not say how much"),
        ("order_refund__wrong_type", {}, "refund_dts is no time stamp"),
        ("order_refund__default_expansion", {}, "`summary`"),
        ("order_refund__partial", {"summary": {"total_refunded": {"value": 5}}}, "no total"),
        ("order_reject__paid", {"summary": None}, "`summary`"),
        ("order_reject__paid", {"summary": {"total": {"value": -5}}}, "negative total"),
        ("chargeback_create__no_order", {}, "`order`"),
    ],
)
def test_what_is_missing_is_named(case, changes, words):
    assert words in refusal(case, **changes).reason


def test_nobody_is_no_failure_since_the_ledger_may_know_whose_sale_it_was():
    made = refunded("order_refund__no_billing")
    assert (made.contact.email, made.refunded) == ("", Decimal("10.00"))
    assert refunded("order_refund__partial").contact.email == "jane.doe@example.com"


@pytest.mark.parametrize(
    ("case", "day"),
    [
        ("order_refund__second_partial", 16),
        ("order_reject__paid", 3),
        ("order_reject__paid_partially_refunded", 3),
        ("order_update__voided", 2),
        ("chargeback_create__of_order", 9),
    ],
)
def test_when_it_happened(case, day):
    happened_at = refunded(case).happened_at
    assert happened_at.tzinfo is UTC
    assert happened_at.date() == datetime(2026, 3, day, tzinfo=UTC).date()


def test_the_currency_is_the_base_one_or_none():
    assert refunded("order_refund__partial").currency == "USD"
    assert refunded("order_refund__foreign_currency").currency == ""


def test_the_reason_is_a_sentence():
    assert refunded("order_refund__reason").reason == "Reason: Damaged."
    assert refunded("order_reject__paid").reason == "The order was rejected (Fraud)."
    assert refunded("order_refund__partial").reason == ""


def test_a_chargeback_is_of_the_order_that_it_names():
    order = dict(payloads.payload("chargeback_create__of_order")["order"]) | {"order_id": None}
    assert refunded("chargeback_create__of_order", order=order).order_id == "DEMO-0009104464"


def test_nothing_is_kept_of_the_card_that_was_charged_back():
    kept = payloads.payload("chargeback_create__of_order")
    assert b"XXXXXXXXXXXX1111" in payloads.body("chargeback_create__of_order")
    assert "1111" not in str(kept)
    assert kept["order"]["payment"]["payment_status"] == "Processed"


def test_who_is_excluded_has_no_refund_either():
    rules = MappingRules(exclude=Exclusions(tags=("WHOLESALE",)))
    assert plan("order_refund__excluded", rules) == Skipped("the tag WHOLESALE is excluded")
    assert isinstance(plan("order_refund__excluded"), RefundPlan)

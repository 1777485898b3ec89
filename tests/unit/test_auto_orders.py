"""The six words of an auto order, for every combination of what tells them; and whose it is."""

import itertools
from typing import Any

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.auto_order_states import auto_order_freshness, auto_order_state
from app.relay.auto_orders import AutoOrderPlan, plan_auto_order
from app.settings import Exclusions, MappingRules
from app.ultracart.catalogue import EVENTS
from tests.unit import payloads

DATE, DATE_MS = "2026-04-20T10:00:00-04:00", 1776693600000
WORDS = ("active", "card declined", "cancelled upgrade", "cancelled downgrade", "cancelled", "terminated")

# What a payload may say about each thing, with what that means.
STATUS = {"active": "active", "canceled": "canceled", "disabled": "disabled", "merged": "merged", None: None}
ENABLED = (True, False, None)
FLAGS = ("cancel_upgrade", "cancel_downgrade", "completed")
STAMPS = ("canceled_dts", "disabled_dts", "merged_dts")
TROUBLE: tuple[dict[str, Any], ...] = ({}, {"failure_reason": "Declined"}, {"credit_card_attempt": 2})


def plan(case="auto_order_create__active", rules=None, name=None, **changes):
    payload = dict(payloads.payload(case)) | changes
    return plan_auto_order(name or case.split("__")[0], payload, rules or MappingRules())


def word(case="auto_order_create__active", rules=None, name=None, **changes):
    made = plan(case, rules, name, **changes)
    assert isinstance(made, AutoOrderPlan), made
    return made.word


def refusal(case="auto_order_create__active", **changes):
    with pytest.raises(DeliveryFailure) as caught:
        plan(case, **changes)
    assert caught.value.failure is FailureClass.MAPPING
    return caught.value.reason


def expected(told, name):
    """The table of the reference, row by row; `merged` and `completed` by the defaults."""
    rows = [
        ("cancelled upgrade", told.get("cancel_upgrade")),
        ("cancelled downgrade", told.get("cancel_downgrade")),
        ("cancelled", told.get("status") == "merged" or told.get("merged_dts")),
        ("cancelled", told.get("status") == "canceled" or told.get("canceled_dts")),
        ("terminated", told.get("completed")),
        ("terminated", told.get("status") == "disabled" or told.get("disabled_dts")),
        ("terminated", told.get("enabled") is False),
        ("card declined", name == "auto_order_decline"),
        ("card declined", told.get("failure_reason") or told.get("credit_card_attempt")),
        ("active", told.get("enabled") or told.get("status") == "active"),
    ]
    return next((word for word, holds in rows if holds), None)


def combinations():
    for status, enabled, trouble in itertools.product(STATUS, ENABLED, TROUBLE):
        for flags, stamps in itertools.product(subsets(FLAGS, True), subsets(STAMPS, DATE)):
            yield {"status": status, "enabled": enabled} | trouble | flags | stamps


def subsets(names, value):
    return [
        dict.fromkeys(chosen, value)
        for size in range(len(names) + 1)
        for chosen in itertools.combinations(names, size)
    ]


@pytest.mark.parametrize("name", ["auto_order_update", "auto_order_decline"])
def test_every_combination_has_the_word_of_the_table(name):
    person = {"auto_order_oid": 77, "original_order": {"billing": {"email": "a@example.com"}}}
    seen = set()
    for told in combinations():
        wanted = expected(told, name)
        state = auto_order_state(name, told)
        assert (state is None) == (wanted is None), told
        if wanted:
            made = plan_auto_order(name, person | told, MappingRules())
            assert isinstance(made, AutoOrderPlan)
            assert made.word == wanted, told
            seen.add(made.word)
    assert seen == set(WORDS) - ({"active"} if name == "auto_order_decline" else set())


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("auto_order_create__active", "active"),
        ("auto_order_rebill__person_of_rebill", "active"),
        ("auto_order_decline__first", "card declined"),
        ("auto_order_decline__by_name_alone", "card declined"),
        ("auto_order_update__upgraded", "cancelled upgrade"),
        ("auto_order_update__downgraded", "cancelled downgrade"),
        ("auto_order_cancel__by_customer", "cancelled"),
        ("auto_order_update__merged", "cancelled"),
        ("auto_order_disable__after_declines", "terminated"),
        ("auto_order_update__completed", "terminated"),
    ],
)
def test_the_six_words(case, wanted):
    assert word(case) == wanted


@pytest.mark.parametrize("wanted", WORDS)
def test_the_two_ends_without_a_word_get_the_merchants(wanted):
    rules = MappingRules(auto_order_merged_word=wanted, auto_order_completed_word=wanted)
    assert word("auto_order_update__merged", rules) == wanted
    assert word("auto_order_update__completed", rules) == wanted
    assert word("auto_order_cancel__by_customer", rules) == "cancelled"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("auto_order_cancel", "cancelled"),
        ("auto_order_disable", "terminated"),
        ("auto_order_decline", "card declined"),
        ("auto_order_create", "active"),
        ("auto_order_rebill", "active"),
        ("auto_order_update", None),
        ("auto_order_preshipment", None),
    ],
)
def test_a_payload_that_says_nothing_is_told_by_its_event(name, wanted):
    assert auto_order_state(name, {"status": None, "enabled": None}) == wanted
    assert name in EVENTS["auto_order"]


@pytest.mark.parametrize("status", ["paused", "", "ACTIVE ", "Cancelled"])
def test_a_status_that_came_later(status):
    wanted = {"ACTIVE ": "active", "Cancelled": "cancelled"}.get(status)
    assert auto_order_state("auto_order_update", {"status": status}) == wanted
    assert auto_order_state("auto_order_update", {"status": status, "enabled": False}) == (
        wanted if wanted == "cancelled" else "terminated"
    )
    if wanted is None:
        assert "says neither" in refusal(status=status, enabled=None, name="auto_order_update")


def test_false_is_not_the_same_as_not_told():
    assert word(enabled=None) == "active"
    assert word(enabled=False) == "terminated"
    assert (
        word(cancel_upgrade=False, cancel_downgrade=None, completed=False, credit_card_attempt=0) == "active"
    )


@pytest.mark.parametrize(
    ("changes", "stamp"),
    [
        ({"items": None}, 0),
        ({"items": [{"last_order_dts": None}], "logs": []}, 0),
        ({"items": [{"last_order_dts": DATE}, None]}, DATE_MS),
        ({"canceled_dts": DATE}, DATE_MS),
        ({"disabled_dts": DATE}, DATE_MS),
        ({"merged_dts": DATE}, DATE_MS),
        ({"logs": [{"log_dts": "2020-01-01T00:00:00Z"}, {"log_dts": DATE}]}, DATE_MS),
        ({"items": None, "next_attempt": DATE, "canceled_dts": "the other day"}, 0),
    ],
)
def test_freshness_is_the_latest_of_what_happened(changes, stamp):
    assert auto_order_freshness(dict(payloads.payload("auto_order_create__active")) | changes) == stamp


def test_the_plan_has_what_a_note_needs():
    made = plan("auto_order_cancel__by_customer")
    assert (made.oid, made.code, made.original_order_id) == ("77", "A77", "DEMO-0009104401")
    assert made.item_ids == ("BONE",)
    assert made.note == "Auto order A77 of order DEMO-0009104401 (BONE): cancelled. Too expensive."
    assert made.version == made.contact.version == DATE_MS
    assert (made.email, dict(made.contact.groups)) == ("jane.doe@example.com", {})


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("auto_order_decline__first", "card declined. Insufficient funds."),
        ("auto_order_update__merged", "cancelled. Merged into auto order 78."),
        ("auto_order_create__active", "active."),
    ],
)
def test_the_note_says_why(case, words):
    assert plan(case).note.endswith(words)


def test_whose_it_is():
    nobody = {"original_order": None, "rebill_orders": None}
    rebill = {"billing": {"email": "Rebill@example.com"}}
    assert plan(**nobody | {"rebill_orders": [{"order_id": "A"}, rebill]}).email == "rebill@example.com"
    assert plan(original_order={"customer_profile": {"email": "p@example.com"}}).email == "p@example.com"
    assert "does not say whose it is" in refusal(**nobody)
    assert "is no e-mail address" in refusal(original_order={"billing": {"email": "jane"}})


def test_inside_an_order():
    made = plan("order_update__auto_order_cancelled")
    assert (made.oid, made.word, made.email) == ("77", "cancelled", "jane.doe@example.com")
    assert plan("order_create__paid") == Skipped("the order belongs to no auto order")
    assert "no id" in refusal("order_update__auto_order_without_id")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("auto_order_update__no_id", "no id"),
        ("auto_order_update__unknown_status", "'dormant'"),
        ("auto_order_update__wrong_type", "canceled_dts is no time stamp"),
    ],
)
def test_what_is_wrong_is_named(case, words):
    assert words in refusal(case)


def test_who_stays_out():
    rules = MappingRules(exclude=Exclusions(emails=("jane.*@example.com",)))
    assert plan(rules=rules) == Skipped("e-mail addresses like jane.*@example.com are excluded")
    assert plan("order_update__auto_order_cancelled", rules).reason.endswith("are excluded")
    assert plan("auto_order_create__test_order") == Skipped("test order")

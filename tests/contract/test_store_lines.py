"""The line of a subject: order of arrival, one at a time, and what a dead one holds back."""

import pytest

from app.store.transmissions import Ending
from tests.stores import Kinds, Store, fact

pytestmark = pytest.mark.server

SALE, REFUND, STATUS = Kinds.SALE, Kinds.REFUND, Kinds.ORDER_STATUS


def arrive(store: Store, *kinds: Kinds, subject: str = "order:1") -> list[str]:
    """One event a kind, in this order."""
    return [store.admit(fact(subject, kind)) + ".1" for kind in kinds]


def states(store: Store, tids: list[str]) -> list[str]:
    """The states of these transmissions."""
    return [store.state(tid) for tid in tids]


def test_a_line_goes_one_by_one_in_order_of_arrival(store: Store):
    line = arrive(store, STATUS, SALE, REFUND)
    for n, tid in enumerate(line):
        assert states(store, line) == ["delivered"] * n + ["ready"] + ["held"] * (2 - n)
        assert store.line() == line[n:]
        store.deliver(tid)
    assert store.line() == []
    assert states(store, line) == ["delivered"] * 3


def test_other_subjects_do_not_wait(store: Store):
    (first,) = arrive(store, SALE)
    (other,) = arrive(store, SALE, subject="order:2")
    store.bury(first)
    assert store.state(other) == "ready"


@pytest.mark.parametrize("ending", [Ending.RETRYING, Ending.POSTPONED])
def test_whoever_waits_for_its_next_attempt_holds_its_followers(store: Store, ending: Ending):
    line = arrive(store, STATUS, SALE)
    store.settle(store.claim(line[0]), ending, delay_seconds=60)
    assert states(store, line) == ["retrying", "held"]
    store.pass_time(line[0])
    assert states(store, line) == ["ready", "held"]


def test_a_skipped_one_lets_the_next_go(store: Store):
    line = arrive(store, SALE, REFUND)
    store.settle(store.claim(line[0]), Ending.SKIPPED, "test order")
    assert states(store, line) == ["skipped", "ready"]
    assert store.line() == line[1:]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (SALE, {REFUND: "held", STATUS: "held"}),
        (REFUND, {SALE: "ready", STATUS: "held"}),
        (STATUS, {SALE: "ready", REFUND: "held"}),
    ],
)
def test_a_dead_head_holds_back_what_its_policy_names(store: Store, head: Kinds, expected: dict[Kinds, str]):
    followers = dict(zip(expected, arrive(store, head, *expected)[1:], strict=True))
    store.bury(store.line()[0])
    assert {kind: store.state(tid) for kind, tid in followers.items()} == expected


def test_a_follower_passes_a_dead_head_that_does_not_hold_it_and_the_head_keeps_its_place(store: Store):
    status, sale, refund = arrive(store, STATUS, SALE, REFUND)
    store.bury(status)
    store.deliver(sale)
    assert states(store, [status, sale, refund]) == ["dead", "delivered", "ready"]
    assert store.line() == [status, refund]


def test_a_newcomer_behind_a_dead_one_goes_or_waits_as_the_policy_says(store: Store):
    sale, status = arrive(store, SALE, STATUS)
    store.bury(sale)
    (refund,) = arrive(store, REFUND)
    assert states(store, [status, refund]) == ["held", "held"]
    (other_refund,) = arrive(store, REFUND, subject="order:2")
    store.bury(other_refund)
    (other_sale,) = arrive(store, SALE, subject="order:2")
    assert store.state(other_sale) == "ready"


def test_a_replayed_head_goes_before_its_followers(store: Store):
    line = arrive(store, SALE, REFUND, STATUS)
    store.bury(line[0])
    assert store.letters.replay(line[0])
    assert states(store, line) == ["ready", "held", "held"]
    store.deliver(line[0])
    assert states(store, line) == ["delivered", "ready", "held"]


@pytest.mark.parametrize("at_work", ["ready", "running", "retrying"])
def test_a_replayed_head_waits_while_another_of_its_subject_is_on_its_way(store: Store, at_work: str):
    refund, sale = arrive(store, REFUND, SALE)
    store.bury(refund)
    if at_work != "ready":
        claimed = store.claim(sale)
    if at_work == "retrying":
        store.settle(claimed, Ending.RETRYING, delay_seconds=60)
    store.letters.replay(refund)
    assert states(store, [refund, sale]) == ["held", at_work]
    if at_work == "retrying":
        store.pass_time(sale)
    if at_work != "running":
        claimed = store.claim(sale)
    store.settle(claimed, Ending.DELIVERED)
    assert states(store, [refund, sale]) == ["ready", "delivered"]


def test_the_second_dead_one_still_holds_back_when_the_first_is_over(store: Store):
    refund, sale, status = arrive(store, REFUND, SALE, STATUS)
    store.bury(refund)
    store.bury(sale)
    assert store.state(status) == "held"
    store.letters.replay(refund)
    store.deliver(refund)
    assert store.state(status) == "held"
    store.letters.replay(sale)
    store.deliver(sale)
    assert store.state(status) == "ready"


def test_a_line_survives_a_worker_that_dies(store: Store):
    line = arrive(store, SALE, REFUND)
    store.claim(line[0])
    store.pass_time(line[0])
    assert states(store, line) == ["ready", "held"]
    store.deliver(line[0])
    assert states(store, line) == ["delivered", "ready"]


def test_a_line_whose_records_are_gone_holds_nobody(store: Store):
    line = arrive(store, SALE, REFUND, STATUS)
    store.client.delete(f"t:{line[1]}")
    store.deliver(line[0])
    assert store.state(line[2]) == "ready"
    assert store.line() == [line[2]]

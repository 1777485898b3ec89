"""The stand-in shop's limits, criteria, pages and expansions."""

import pytest

from app.sandbox.refusals import Refused
from app.sandbox.ultracart_door import CONCURRENT, Door
from app.sandbox.ultracart_expansion import AUTO_ORDER, ITEM, ORDER, expanded
from app.sandbox.ultracart_lists import Paging, changed_since, matching, sorted_rows


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def passes(door):
    closed = door.enter()
    if closed is None:
        door.leave()
    return closed


def test_no_two_at_once():
    door = Door()
    assert door.enter() is None
    closed = door.enter()
    assert closed is not None
    assert closed.text == CONCURRENT
    door.leave()
    assert passes(door) is None
    assert door.figures()["refused"] == {"at_once": 1, "by_rate": 0}


def test_so_many_in_any_hour_and_any_day():
    clock = Clock()
    door = Door(clock)
    door.reset(2, 3)
    assert [passes(door) for _ in range(2)] == [None, None]
    closed = passes(door)
    assert closed is not None
    assert (closed.text, closed.retry_after) == ("rate of 2 per 3600 second(s) exceeded.", 3600)
    clock.now += 3599
    assert passes(door) is not None
    clock.now += 1
    assert passes(door) is None
    closed = passes(door)
    assert closed is not None
    assert (closed.text, closed.retry_after) == ("rate of 3 per 86400 second(s) exceeded.", 86400 - 3600)
    clock.now += closed.retry_after
    assert passes(door) is None


def test_expansions_bring_what_is_hidden_and_no_more():
    order = {
        "order_id": "DEMO-1",
        "items": [{"merchant_item_id": "BONE"}],
        "payment": {"payment_status": "Processed", "transactions": [{"transaction_id": 1}]},
        "affiliates": [{"affiliate_oid": 1, "ledger_entries": []}],
    }
    assert expanded(order, ORDER, "") == {"order_id": "DEMO-1"}
    assert expanded(order, ORDER, "item,payment,coupon") == {
        "order_id": "DEMO-1",
        "items": [{"merchant_item_id": "BONE"}],
        "payment": {"payment_status": "Processed"},
    }
    assert expanded(order, ORDER, "payment.transaction,affiliate,affiliate.ledger") == {
        key: order[key] for key in ("order_id", "payment", "affiliates")
    }
    auto_order = {"auto_order_oid": 7, "original_order": {"order_id": "DEMO-1", "billing": {}, "items": []}}
    assert expanded(auto_order, AUTO_ORDER, "original_order.billing")["original_order"] == {
        "order_id": "DEMO-1",
        "billing": {},
    }


@pytest.mark.parametrize("asked", ["items", "payment.refund", "affiliate.ledgers", "item.item"])
def test_an_expansion_that_is_not_known_is_refused(asked):
    with pytest.raises(Refused):
        expanded({}, ORDER, asked)
    with pytest.raises(Refused):
        expanded({"items": []}, ITEM, "prices")


def test_criteria():
    rows: list[dict[str, object]] = [
        {
            "order_id": "A",
            "billing": {"email": "Jane@example.com"},
            "creation_dts": "2026-03-01T00:00:00-05:00",
        },
        {"order_id": "B", "items": [{"id": "X"}, {"id": "Y"}], "creation_dts": "2026-03-02T00:00:00-05:00"},
    ]
    equal = {"email": "billing.email", "item_id": "items.id"}
    spans = {"creation_date": "creation_dts"}

    def found(**criteria):
        return [row["order_id"] for row in matching(rows, criteria, equal, spans)]

    assert found(email="jane@EXAMPLE.com") == ["A"]
    assert found(item_id="Y") == ["B"]
    assert found(creation_date_begin="2026-03-02T00:00:00-05:00") == ["B"]
    assert found(creation_date_begin="2026-03-01", creation_date_end="2026-03-01T06:00:00+00:00") == ["A"]
    for wrong in ({}, {"email": ""}, {"colour": "red"}, {"creation_date_begin": "yesterday"}):
        with pytest.raises(Refused):
            found(**wrong)


def test_pages_and_order():
    rows = [{"n": str(n), "last": f"2026-03-0{n}T00:00:00Z"} for n in (3, 1, 2)]
    assert [row["n"] for row in sorted_rows(rows, "n")] == ["1", "2", "3"]
    assert [row["n"] for row in sorted_rows(rows, "-n")] == ["3", "2", "1"]
    assert [row["n"] for row in changed_since(rows, "last", "2026-03-02T00:00:00+00:00")] == ["3", "2"]
    page, result_set = Paging.of({"_limit": "2", "_offset": "1"}).cut(rows)
    assert [row["n"] for row in page] == ["1", "2"]
    assert (result_set["more"], result_set["next_offset"], result_set["count"]) == (False, 3, 2)
    assert Paging.of({"_limit": "5000"}) == Paging(200, 0)
    with pytest.raises(Refused):
        Paging.of({"_limit": "many"})

"""Reading a shop's orders by slices: each once, however many fall into one second, and resumable anywhere."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery import shop_orders
from app.delivery.shop_orders import Place, Span, Step, first_place, progress, step
from app.ultracart.client_answers import Page

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
SPAN = Span(BEGIN, BEGIN + timedelta(seconds=1000))
PAGE = 5


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(shop_orders, "ORDERS_PAGE", PAGE)


class ListOf:
    """A shop's list with both ends of a span counted in, `PAGE` rows a page; it notes what it was asked."""

    def __init__(self, seconds: list[int]) -> None:
        self.rows = [(BEGIN + timedelta(seconds=at), str(n)) for n, at in enumerate(sorted(seconds))]
        self.asked: list[tuple[str, int]] = []

    def __call__(self, criteria: Any, offset: int) -> Page:
        (begin_name, begin), (_, end) = criteria.items()
        self.asked.append((begin_name.removesuffix("_date_begin"), offset))
        first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        found = [{"order_id": name, "at": at} for at, name in self.rows if first <= at <= last]
        page = found[offset : offset + PAGE]
        return Page(tuple(page), more=offset + PAGE < len(found), next_offset=offset + len(page))


def read(shop: ListOf, dates: tuple[str, ...] = ("payment",)) -> tuple[Counter[str], list[Step]]:
    """How often each order was counted, and the steps."""
    place: Place | None = first_place(SPAN)
    steps, counted = [], Counter[str]()
    while place:
        steps.append(step(shop, SPAN, place, dates))
        counted.update(
            row["order_id"] for row in steps[-1].rows if steps[-1].holds(steps[-1].date, row["at"])
        )
        place = steps[-1].after
    return counted, steps


@given(st.lists(st.integers(0, 999), max_size=60))
def test_every_order_is_counted_once(seconds):
    shop = ListOf(seconds)
    assert read(shop)[0] == Counter({name: 1 for _, name in shop.rows})


@given(st.lists(st.sampled_from([0, 1, 2, 500, 998, 999]), max_size=60))
def test_also_where_many_fall_into_one_second(seconds):
    shop = ListOf(seconds)
    assert read(shop)[0] == Counter({name: 1 for _, name in shop.rows})


def test_what_is_dated_at_the_end_belongs_to_the_next_span():
    assert read(ListOf([1000]))[0] == Counter()


def test_offsets_are_used_only_within_one_second():
    assert {offset for _, offset in spread().asked} == {0}
    crowded = ListOf([7] * 12)
    read(crowded)
    assert {offset for _, offset in crowded.asked} == {0, 5, 10}


def spread() -> ListOf:
    shop = ListOf(list(range(0, 1000, 10)))
    read(shop)
    return shop


def test_few_orders_cost_one_request_a_date():
    shop = ListOf([3, 400])
    read(shop, ("creation", "payment", "refund"))
    assert [date for date, _ in shop.asked] == ["creation", "payment", "refund"]


def test_quiet_times_are_read_in_wider_slices_again():
    shop = ListOf([500] * 4 + [501] * 4)
    _, steps = read(shop)
    assert len(steps) < 40


def test_progress_grows_to_the_end():
    _, steps = read(ListOf(list(range(0, 1000, 25))), ("payment", "refund"))
    done = [progress(SPAN, one.after, ("payment", "refund")) for one in steps]
    assert done == sorted(done)
    assert (progress(SPAN, first_place(SPAN)), done[-1]) == (0.0, 1.0)


def test_what_belongs_to_another_date_is_left_to_it():
    one = step(ListOf([1]), SPAN, first_place(SPAN), ("payment",))
    at = BEGIN + timedelta(seconds=1)
    assert (one.holds("payment", at), one.holds("refund", at), one.holds("payment", None)) == (
        True,
        False,
        True,
    )

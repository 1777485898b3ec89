"""Events in one delivery mean the same as one by one, whatever they tell of each other."""

from random import Random
from typing import Any

import pytest

from app.events import Arrival, Fact
from app.store.records import row
from tests.stores import ACCOUNT, GROW, STATE, Kinds, Store, arrival, fact

pytestmark = pytest.mark.server

SUBJECTS = ("order:1", "order:2")
# When it was created, and when it was done with.
TIMES = ("c", "dd")


def _fact(rng: Random) -> Fact:
    subject, version = rng.choice(SUBJECTS), rng.randrange(1, 6)
    match rng.choice(list(Kinds)):
        case Kinds.SALE:
            return fact(subject, version=version, value=rng.choice(("", "1000", "1200")))
        case Kinds.REFUND:
            cents = rng.choice(("0", "500", "900"))
            return fact(subject, Kinds.REFUND, version, rule=GROW, value=cents, currency="EUR")
        case _:
            return fact(subject, Kinds.ORDER_STATUS, version, rule=STATE, value=rng.choice("abc"))


def _events(rng: Random) -> list[Arrival]:
    """Events of one to three facts, a few of them twice."""
    events = [arrival(*(_fact(rng) for _ in range(rng.randrange(1, 4)))) for _ in range(rng.randrange(2, 9))]
    return events + rng.sample(events, 1)


def _new_sales(rng: Random) -> list[Arrival]:
    """Sales of different orders, which have one thing or another in common; a few are told of again."""
    numbers = [*range(1, 9), *rng.choices(range(1, 9), k=4)]
    rng.shuffle(numbers)
    return [_new_sale(rng, f"order:{number}") for number in numbers]


def _new_sale(rng: Random, subject: str) -> Arrival:
    told = fact(
        subject,
        version=rng.choice((1, 1, 2)),
        account=rng.choice((ACCOUNT, ACCOUNT, "ontraport:TWO")),
        currency=rng.choice(("USD", "USD", "EUR", "")),
        person=rng.choice(("", "ada", "bob", "cid")),
        value=rng.choice(("", "1000")),
    )
    return arrival(told)._replace(backfill=rng.random() < 0.3)


def _picture(store: Store, names: dict[str, str]) -> dict[str, Any]:
    """All that matters, under names that do not depend on ids and times."""
    picture: dict[str, Any] = {"money": store.money(), "events": store.log.events()}
    for kind in Kinds:
        on_the_way = sorted(store.waiting(kind) + store.handed(kind))
        picture[kind] = (store.counts(kind), sorted(_named(tid, names) for tid in on_the_way))
    for subject in SUBJECTS:
        picture[subject] = {field: _named(value, names) for field, value in store.row(subject).items()}
    for key in store.client.scan_iter("t:*", count=1000):
        fields = row(store.client.hgetall(key))
        kept = {name: _named(value, names) for name, value in fields.items() if name not in TIMES}
        picture[_named(key.decode()[2:], names)] = kept
    for prefix in ("e:", "er:"):
        keys = store.client.scan_iter(f"{prefix}*", count=1000)
        picture[prefix] = sorted(_named(key.decode().removeprefix(prefix), names) for key in keys)
    return picture


def _named(text: str, names: dict[str, str]) -> str:
    for event_id, name in names.items():
        text = text.replace(event_id, name)
    return text


def _admitted(store: Store, events: list[Arrival], at_once: bool) -> dict[str, Any]:
    mark = store.client.get("relay:instance")
    store.client.flushall()
    store.client.set("relay:instance", mark or "")
    if at_once:
        ids: list[str] = list(store.inbox.admit(events, "DEMO").ids)
    else:
        ids = [store.inbox.admit([event], "DEMO").ids[0] for event in events]
    names: dict[str, str] = {}
    for number, event_id in enumerate(ids):
        names.setdefault(event_id, f"event{number}")
    return _picture(store, names)


@pytest.mark.parametrize("seed", range(60))
def test_a_delivery_means_what_its_events_mean_one_by_one(store: Store, seed: int) -> None:
    events = _events(Random(seed))
    assert _admitted(store, events, at_once=True) == _admitted(store, events, at_once=False)
    assert store.log.accounts() == [ACCOUNT]


@pytest.mark.parametrize("seed", range(20))
def test_new_sales_in_one_delivery_are_what_they_are_one_by_one(store: Store, seed: int) -> None:
    events = _new_sales(Random(seed))
    assert _admitted(store, events, at_once=True) == _admitted(store, events, at_once=False)

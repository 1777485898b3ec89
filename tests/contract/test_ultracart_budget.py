"""Permits for UltraCart on a real store: one at a time, never more than allowed, and nobody is stuck."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.http.context import boot_seconds
from app.sandbox.server import running_sandbox
from app.store import ultracart_budget
from app.store.connection import connect
from app.store.scripting import Scripts
from app.store.ultracart_budget import BACKGROUND, FULL, Allowance, UltracartBudget
from tests.contract.ultracart_shop import KEY, Shop, client_of

pytestmark = pytest.mark.server

MINUTE_MS = 60_000
QUARTER_MS = 900_000


@pytest.fixture
def store(valkey):
    client = connect(valkey.url, tls_verify=False, timeout_seconds=5)
    yield client
    client.close()


@pytest.fixture
def budget(store):
    return UltracartBudget(Scripts(store, {}))


def spent(store, number, minutes_ago=0, merchant="DEMO"):
    """As many requests were made that long ago."""
    now = int(store.time()[0]) * 1000 - minutes_ago * MINUTE_MS
    for name in (merchant, ""):
        store.hincrby(f"uc:hour:{name}", now // MINUTE_MS, number)
        store.hincrby(f"uc:day:{name}", now // QUARTER_MS, number)


def postponed(budget, merchant="DEMO", **options) -> Postponed:
    with pytest.raises(Postponed) as caught, budget.permit(merchant, **({"patience": 0} | options)):
        pass
    return caught.value


def test_a_second_one_waits_for_the_first(budget):
    with budget.permit("DEMO"):
        assert "one at a time" in postponed(budget).reason
        assert "one at a time" in postponed(budget, "OTHER").reason
    with budget.permit("DEMO") as call:
        assert 50 < call.deadline - boot_seconds() <= 60


def test_many_threads_never_meet(budget):
    inside, met = threading.Lock(), []

    def work(_):
        with budget.permit("DEMO", patience=30):
            met.append(inside.acquire(blocking=False))
            time.sleep(0.005)
            inside.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert met == [True] * 40


def test_the_hour_is_counted_and_rolls(budget, store):
    spent(store, FULL.an_hour - 1, minutes_ago=30)
    with budget.permit("DEMO"):
        pass
    pause = postponed(budget)
    assert "allowance" in pause.reason
    assert 28 * 60 < pause.seconds <= 31 * 60
    spent(store, -FULL.an_hour + 1, minutes_ago=30)
    with budget.permit("DEMO"):
        pass


def test_what_left_the_window_is_forgotten(budget, store):
    spent(store, 5000, minutes_ago=62)
    spent(store, 9000, minutes_ago=25 * 60)
    with budget.permit("DEMO"):
        pass
    assert [int(count) for count in store.hvals("uc:hour:DEMO")] == [1]


def test_the_day_is_counted(budget, store):
    spent(store, FULL.a_day, minutes_ago=120)
    assert 21 * 3600 < postponed(budget).seconds <= 22.5 * 3600


def test_polls_leave_room_for_what_is_urgent(budget, store):
    spent(store, BACKGROUND.an_hour)
    assert "allowance" in postponed(budget, allowance=BACKGROUND).reason
    with budget.permit("DEMO", allowance=FULL):
        pass


def test_another_shop_of_this_relay_shares_the_address(budget, store):
    spent(store, FULL.an_hour)
    assert "allowance" in postponed(budget, "OTHER").reason
    store.delete("uc:hour:", "uc:day:")
    with budget.permit("OTHER"):
        pass


def test_after_a_429_nobody_asks_until_the_time_that_ultracart_named(budget):
    with pytest.raises(DeliveryFailure), budget.permit("DEMO"):
        raise DeliveryFailure(FailureClass.THROTTLED, "too many", status=429, wait_seconds=120)
    assert 115 < postponed(budget).seconds <= 120
    with budget.permit("OTHER"):
        pass


@pytest.mark.parametrize(
    ("error", "rests"),
    [
        (DeliveryFailure(FailureClass.RETRYABLE, "no answer"), True),
        (DeliveryFailure(FailureClass.RETRYABLE, "down", status=503), False),
        (DeliveryFailure(FailureClass.GONE, "no such order", status=404), False),
        (LeaseLost("nothing was sent"), False),
        (KeyboardInterrupt(), True),
    ],
)
def test_after_silence_there_is_a_rest(budget, error, rests):
    with pytest.raises(type(error)), budget.permit("DEMO"):
        raise error
    if rests:
        assert 1 < postponed(budget).seconds <= 5
    else:
        with budget.permit("DEMO", patience=0):
            pass


def test_a_holder_that_died_is_outlived(budget, store, monkeypatch):
    monkeypatch.setattr(ultracart_budget, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(ultracart_budget, "LEASE_MARGIN_SECONDS", 0.1)
    permit = budget.permit("DEMO")
    call = permit.__enter__()
    with budget.permit("DEMO", patience=5) as second:
        assert second.deadline > call.deadline
        with pytest.raises(LeaseLost):
            call.check()
        permit.__exit__(None, None, None)
        assert "one at a time" in postponed(budget).reason


def test_a_store_that_is_away_gives_no_permit_and_takes_none_back(valkey, budget, store, monkeypatch):
    def away(*_):
        raise ConnectionError

    with budget.permit("DEMO"):
        monkeypatch.setattr(store, "evalsha", away)
    with pytest.raises(StoreUnavailable), budget.permit("DEMO"):
        pass


def test_clients_of_many_threads_get_no_429(budget):
    with running_sandbox(simple_key=KEY) as url:
        shop = Shop(url)
        shop.fill(items=[{"merchant_item_id": f"I{n}"} for n in range(5)])
        clients = [client_of(shop.rest) for _ in range(3)]

        def ask(number):
            return clients[number % 3].items_page(budget.permit("DEMO", patience=30)).rows

        with ThreadPoolExecutor(6) as pool:
            assert {len(rows) for rows in pool.map(ask, range(60))} == {5}
        assert shop.state()["requests"]["by_status"] == {"200": 60}


def test_the_allowance_ends_before_ultracarts_own(budget):
    with running_sandbox(simple_key=KEY) as url:
        shop = Shop(url)
        shop.limits(an_hour=6)
        client = client_of(shop.rest)

        def ask():
            client.webhooks_page(budget.permit("DEMO", allowance=Allowance(5, 100), patience=0))

        for _ in range(5):
            ask()
        with pytest.raises(Postponed):
            ask()
        assert shop.state()["requests"]["refused"] == {"at_once": 0, "by_rate": 0}

"""When the shop is asked for an object, and what counts when it does not answer."""

from contextlib import contextmanager
from typing import Any

import pytest

from app.delivery.attempt import Attempt
from app.delivery.shop import BY_ARRIVAL, BY_SHOP, TRIES, full_order, newest_auto_order, newest_customer
from app.errors import DeliveryFailure, FailureClass, Postponed
from app.events import Kind
from tests.attempts import ACCOUNT, ROW, Desk, FakeLedger, transmission

WHOLE = {"order_id": "DEMO-1", "payment": {}, "summary": {}, "items": [], "billing": {}}
NOW = WHOLE | {"billing": {"first_name": "Joan"}}
ACTIVE = {"auto_order_oid": 7, "status": "active"}
CANCELED = {"auto_order_oid": 7, "status": "canceled"}


class Ledger(FakeLedger):
    """Leases are not looked at."""

    def complete(self, tid: str, token: str, *, lease_ms: int = 0, **more: Any) -> None:
        """As ever."""
        super().complete(tid, token, **more)


class Shop:
    """What it gives, or how it fails; which objects it was asked for."""

    def __init__(self, *gives: Any) -> None:
        self.gives = list(gives)
        self.asked: list[str] = []
        self.get_order = self.get_auto_order = self.get_customer = self._get

    def _get(self, identifier: str, permit: Any) -> Any:
        with permit:
            self.asked.append(identifier)
        found = self.gives.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    @contextmanager
    def permit(self, *_: Any, **__: Any) -> Any:
        """Granted, unless it shall be waited for."""
        if self.gives and isinstance(self.gives[0], Postponed):
            raise self.gives.pop(0)
        yield


def attempt(shop: Shop, payload: Any = WHOLE, key: str = "key", **changes: Any) -> Attempt:
    """An attempt of a tied transmission, unless told otherwise."""
    services: Any = Desk(ledger=Ledger()).services
    services.accounts[ACCOUNT].ultracart_key, services.accounts[ACCOUNT].id = key, "DEMO"
    services.shops, services.shop_budget = {"DEMO": shop}, shop
    return Attempt(transmission(**{"payload": payload, "tied": True} | changes), services)


def failure(kind: FailureClass) -> DeliveryFailure:
    return DeliveryFailure(kind, "no")


def test_a_normal_order_is_not_asked_for():
    shop = Shop()
    one = attempt(shop, tied=False)
    assert full_order(one) is WHOLE
    assert (shop.asked, one.remark) == ([], "")


def test_a_tied_order_is_as_the_shop_has_it_now():
    shop = Shop(NOW)
    one = attempt(shop)
    assert full_order(one) is NOW
    assert (shop.asked, one.remark) == (["DEMO-1"], BY_SHOP)


def test_an_order_that_lacks_something_is_asked_for_once_though_it_is_tied():
    shop = Shop(NOW)
    assert full_order(attempt(shop, {"order_id": "DEMO-1"})) is NOW
    assert shop.asked == ["DEMO-1"]


@pytest.mark.parametrize(
    ("shop", "changes"),
    [
        (Shop(), {"key": ""}),
        (Shop(failure(FailureClass.GONE)), {}),
        (Shop(failure(FailureClass.AUTH)), {}),
        (Shop(Postponed(900, "no requests left")), {}),
        (Shop(failure(FailureClass.RETRYABLE)), {"attempt": TRIES}),
    ],
)
def test_a_shop_that_does_not_say_leaves_the_order_of_arrival(shop: Shop, changes: dict[str, Any]):
    one = attempt(shop, **changes)
    assert full_order(one) is WHOLE
    assert one.remark == BY_ARRIVAL


def test_a_shop_that_is_busy_or_out_of_order_for_a_moment_is_asked_again():
    with pytest.raises(Postponed):
        full_order(attempt(Shop(Postponed(1.0, "busy"))))
    with pytest.raises(DeliveryFailure) as caught:
        full_order(attempt(Shop(failure(FailureClass.RETRYABLE))))
    assert caught.value.at_shop


def test_what_the_shop_says_becomes_the_content_that_is_known():
    one = attempt(Shop(CANCELED), ACTIVE, kind=Kind.AUTO_ORDER_STATUS)
    assert newest_auto_order(one, ACTIVE) is CANCELED
    ((row, name, value),) = one.noted
    assert (row, name) == (ROW, "w:auto_order_status")
    again = attempt(Shop(ACTIVE), CANCELED, kind=Kind.AUTO_ORDER_STATUS)
    newest_auto_order(again, CANCELED)
    assert again.noted[0][2] != value


def test_an_auto_order_that_does_not_say_its_state_leaves_the_order_of_arrival():
    one = attempt(Shop({"auto_order_oid": 7}), ACTIVE, kind=Kind.AUTO_ORDER_STATUS)
    assert newest_auto_order(one, ACTIVE) is ACTIVE
    assert (one.noted, one.remark) == ([], BY_ARRIVAL)


def test_a_tied_customer_is_asked_for_by_its_number():
    shop = Shop({"customer_profile_oid": 9, "email": "joan@example.com"})
    told = {"customer_profile_oid": 9, "email": "jane@example.com"}
    assert newest_customer(attempt(shop, told, kind=Kind.CUSTOMER))["email"] == "joan@example.com"
    assert shop.asked == ["9"]

"""What a delivery asks the shop itself: what a webhook told too little of, or did not date."""

from collections.abc import Callable, Mapping
from typing import Any

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass, Postponed
from app.relay.auto_order_states import auto_order_state
from app.relay.auto_orders import UPDATE
from app.relay.contents import customer_content, order_status_content
from app.relay.facts import auto_order_content
from app.store.ultracart_budget import PATIENCE_SECONDS as LONG_PATIENCE_SECONDS
from app.ultracart.client import Permit, UltracartClient

Payload = Mapping[str, Any]
Fetch = Callable[[UltracartClient, Permit], Payload]

COMES_BACK = frozenset({FailureClass.RETRYABLE, FailureClass.THROTTLED})
NEEDED = ("payment", "summary", "items")
# Threads that wait for the shop do nothing else; what is only in doubt does not wait for its next hour.
PATIENCE_SECONDS = 2.0
SOON_SECONDS = 5.0
TRIES = 3

BY_ARRIVAL = "no date tells which snapshot is the newest, so the order of arrival decided"
BY_SHOP = "no date told which snapshot is the newest, so the shop was asked"


def lacks(order: Payload) -> bool:
    """True when an expansion is missing that a sale cannot do without."""
    has_person = order.get("billing") is not None or order.get("customer_profile") is not None
    return not has_person or any(order.get(name) is None for name in NEEDED)


def full_order(attempt: Attempt, too_little: Callable[[Payload], bool] = lacks) -> Payload:
    """The transmission's order, fetched from UltraCart where the webhook tells too little (for a sale).

    So is one that is tied with another snapshot. Without a key, or when it lacks nothing, it is the payload
    as it came. Raises Postponed, DeliveryFailure.
    """
    payload = attempt.transmission.payload
    order_id = str(payload.get("order_id") or "")
    if order_id and too_little(payload) and _has_key(attempt):
        # Should the shop not give it, the plan says in plain words which expansion is missing.
        return _ask(attempt, lambda shop, permit: shop.get_order(order_id, permit)) or payload
    return _newest(attempt, lambda shop, permit: shop.get_order(order_id, permit), payload)


def newest_auto_order(attempt: Attempt, told: Payload) -> Payload:
    """The auto order as it is now where no date tells whether `told` is the newest snapshot; else `told`.

    Raises Postponed, DeliveryFailure.
    """
    oid = str(told.get("auto_order_oid") or "")
    now = _newest(attempt, lambda shop, permit: shop.get_auto_order(oid, permit), told)
    if now is not told and auto_order_state(UPDATE, now) is None:
        attempt.remark = BY_ARRIVAL
        return told
    return _remember(attempt, now, told, auto_order_content(UPDATE, now))


def newest_customer(attempt: Attempt) -> Payload:
    """The customer as it is now where no date tells whether the payload is the newest snapshot."""
    told = attempt.transmission.payload
    oid = str(told.get("customer_profile_oid") or "")
    now = _newest(attempt, lambda shop, permit: shop.get_customer(oid, permit), told)
    return _remember(attempt, now, told, customer_content(now))


def newest_order(attempt: Attempt) -> Payload:
    """The order as it is now where no date tells whether the payload is the newest one of its status."""
    told = attempt.transmission.payload
    now = full_order(attempt, lambda _: False)
    return _remember(attempt, now, told, order_status_content(attempt.transmission.event_name, now))


def _newest(attempt: Attempt, fetch: Fetch, told: Payload) -> Payload:
    """The object of a tied transmission as the shop has it now; `told` where it cannot say, with a remark."""
    if not attempt.transmission.tied:
        return told
    found = _ask_now(attempt, fetch) if _has_key(attempt) else None
    if found is None:
        attempt.remark = BY_ARRIVAL
        return told
    attempt.remark = BY_SHOP
    return found


def _remember(attempt: Attempt, now: Payload, told: Payload, content: str) -> Payload:
    """What the shop said is the last that is known: should it be told otherwise from now on, that is news."""
    if now is not told:
        attempt.note([(attempt.row, f"w:{attempt.transmission.kind}", content)])
    return now


def _ask_now(attempt: Attempt, fetch: Fetch) -> Payload | None:
    """One request to the shop, if it can be made soon; a shop that is out of order is tried three times."""
    try:
        return _ask(attempt, fetch, PATIENCE_SECONDS)
    except DeliveryFailure:
        if attempt.transmission.attempt < TRIES:
            raise
        return None
    except Postponed as postponed:
        if postponed.seconds <= SOON_SECONDS:
            raise
        return None


def _has_key(attempt: Attempt) -> bool:
    return bool(attempt.services.accounts[attempt.transmission.account].ultracart_key)


def _ask(attempt: Attempt, fetch: Fetch, patience: float = LONG_PATIENCE_SECONDS) -> Payload | None:
    """One request to the shop; None when it does not give the object, now or later."""
    merchant_id = attempt.services.accounts[attempt.transmission.account].id
    permit = attempt.services.shop_budget.permit(merchant_id, attempt.record, patience=patience)
    attempt.hold()
    try:
        found = fetch(attempt.services.shops[merchant_id], permit)
    except DeliveryFailure as failure:
        if failure.failure not in COMES_BACK:
            return None
        failure.at_shop = True
        raise
    attempt.complete()
    return found

"""What a delivery asks the shop itself: the order of which a webhook told too little."""

from collections.abc import Callable, Mapping
from typing import Any

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass

COMES_BACK = frozenset({FailureClass.RETRYABLE, FailureClass.THROTTLED})
NEEDED = ("payment", "summary", "items")


def lacks(order: Mapping[str, Any]) -> bool:
    """True when an expansion is missing that a sale cannot do without."""
    has_person = order.get("billing") is not None or order.get("customer_profile") is not None
    return not has_person or any(order.get(name) is None for name in NEEDED)


def full_order(
    attempt: Attempt, too_little: Callable[[Mapping[str, Any]], bool] = lacks
) -> Mapping[str, Any]:
    """The transmission's order, fetched from UltraCart where the webhook tells too little (for a sale).

    Without a key, or when it lacks nothing, it is the payload as it came. Raises Postponed, DeliveryFailure.
    """
    transmission = attempt.transmission
    payload, merchant = transmission.payload, attempt.services.accounts[transmission.account]
    if not merchant.ultracart_key or not too_little(payload) or not payload.get("order_id"):
        return payload
    shop, budget = attempt.services.shops[merchant.id], attempt.services.shop_budget
    attempt.hold()
    try:
        order = shop.get_order(str(payload["order_id"]), budget.permit(merchant.id, attempt.record))
    except DeliveryFailure as failure:
        if failure.failure not in COMES_BACK:
            # The shop does not give it: then the plan says in plain words which expansion is missing.
            return payload
        failure.at_shop = True
        raise
    attempt.complete()
    return order

"""The cases that payload files exist for: event and case → its object."""

from collections.abc import Callable
from typing import Any

from ultracart.model_utils import model_to_dict

from tests.payloads.models import order


def paid() -> Any:
    """The plain case."""
    return order(9104401)


SINGLE: dict[tuple[str, str], Callable[[], Any]] = {
    ("order_create", "paid"): paid,
}


def item() -> Any:
    return {"merchant_id": "DEMO", "merchant_item_oid": 12, "merchant_item_id": "BONE"}


def customer() -> Any:
    return {"merchant_id": "DEMO", "customer_profile_oid": 900, "email": "jane.doe@example.com"}

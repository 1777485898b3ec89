"""An item of the shop as an ONTRAPORT product; pure, for delivery and the catalogue's report."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.contents import item_freshness
from app.relay.money import amount, cents
from app.settings import MappingRules
from app.ultracart.items import Item, load_item

DELETED = "item_delete"


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """One item. `price` is its regular one in base currency, with two decimals; None: not told.

    What is not `active` cannot be bought; what is `deleted` is marked, never deleted in the CRM.
    `version` is when it was changed, in milliseconds since 1970 UTC (0: unknown).
    """

    item_id: str
    product_name: str
    price: Decimal | None
    description: str
    active: bool
    deleted: bool
    version: int


def plan_item(event_name: str, payload: Mapping[str, Any], rules: MappingRules) -> ItemPlan | Skipped:
    """The product of an item: the name is mapped, by default it is the item's id.

    A sale's price is no part of it: it comes and goes by the clock, and each sale logs what was paid.
    Raises DeliveryFailure(MAPPING) in plain words.
    """
    item = load_item(payload)
    if not item.merchant_item_id:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            "The item has no item id (merchant_item_id).",
            hint="Give the item an id in UltraCart: the next round of polling repairs this.",
            field="merchant_item_id",
        )
    return ItemPlan(
        item_id=item.merchant_item_id,
        product_name=rules.products.get(item.merchant_item_id, item.merchant_item_id),
        price=_price(item),
        description=item.description or "",
        active=not item.inactive and event_name != DELETED,
        deleted=event_name == DELETED,
        version=item_freshness(payload),
    )


def _price(item: Item) -> Decimal | None:
    cost = item.pricing.cost if item.pricing else None
    if cost is None:
        return None
    if cost < 0:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"Item {item.merchant_item_id} has a negative price: {cost:.2f}.",
            hint="Correct the item's price in UltraCart: the next round of polling repairs this.",
            field="pricing.cost",
        )
    return amount(cents(cost))

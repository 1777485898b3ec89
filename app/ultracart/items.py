"""UltraCart's Item (what the shop sells) as frozen dataclasses; anyone above may import it.

None means absent ("not expanded" or null): a price needs the expansion `pricing`, texts and pictures
`content`. https://www.ultracart.com/api/#resource_item.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from app.ultracart.fields import Many, One
from app.ultracart.reading import read_model
from app.ultracart.schemas import Bool, Num, Str, Time


@dataclass(frozen=True, slots=True)
class ItemPricing:
    """What it costs, in the shop's base currency."""

    cost: Num = None
    sale_cost: Num = None
    sale_start: Time = None
    sale_end: Time = None
    auto_order_cost: Num = None
    manufacturer_suggested_retail_price: Num = None
    currency_code: Str = None


@dataclass(frozen=True, slots=True)
class ItemContentMultimedia:
    """A picture or another file of the item."""

    type: Str = None
    code: Str = None
    url: Str = None
    description: Str = None


@dataclass(frozen=True, slots=True)
class ItemContent:
    """What is shown of it; `multimedia` needs the expansion `content.multimedia`."""

    extended_description: Str = None
    view_url: Str = None
    multimedia: Annotated[tuple[ItemContentMultimedia, ...] | None, Many(ItemContentMultimedia)] = None


@dataclass(frozen=True, slots=True)
class Item:
    """One item; `merchant_item_id` is what orders name, `merchant_item_oid` never changes."""

    merchant_id: Str = None
    merchant_item_id: Str = None
    merchant_item_oid: Str = None
    description: Str = None
    inactive: Bool = None
    kit: Bool = None
    kit_component_only: Bool = None
    parent_category_path: Str = None
    creation_dts: Time = None
    last_modified_dts: Time = None
    pricing: Annotated[ItemPricing | None, One(ItemPricing)] = None
    content: Annotated[ItemContent | None, One(ItemContent)] = None


def load_item(payload: Mapping[str, Any]) -> Item:
    """The item in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(Item, payload, "item", "merchant_item_id")

"""UltraCart's AutoOrder (a subscription) as frozen dataclasses; anyone above may import it.

`load_auto_order` also reads the copy inside an order (`order["auto_order"]`): its fields have the same
names. None means absent ("not expanded" or null), which is not the same as empty.
https://www.ultracart.com/api/#resource_auto_order.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from app.ultracart.fields import Many, One
from app.ultracart.reading import read_model
from app.ultracart.schemas import Bool, Int, Num, Order, Str, Time


@dataclass(frozen=True, slots=True)
class AutoOrderItem:
    """What is billed again: `original_item_id` was bought, `next_item_id` comes next."""

    auto_order_item_oid: Str = None
    original_item_id: Str = None
    original_quantity: Num = None
    arbitrary_item_id: Str = None
    arbitrary_quantity: Num = None
    next_item_id: Str = None
    frequency: Str = None
    first_order_dts: Time = None
    last_order_dts: Time = None
    next_shipment_dts: Time = None
    calculated_next_shipment_dts: Time = None
    number_of_rebills: Int = None
    remaining_repeat_count: Int = None
    paused: Bool = None
    cancel_dts: Time = None
    cancel_reason: Str = None


@dataclass(frozen=True, slots=True)
class AutoOrderLog:
    """One thing that happened to the auto order."""

    log_dts: Time = None
    log_message: Str = None


@dataclass(frozen=True, slots=True)
class AutoOrder:
    """One snapshot of an auto order. `status` is active, canceled, disabled or merged, or what may come.

    `completed`: it ran to its end. `credit_card_attempt` and `failure_reason` tell of a rebill that failed.
    """

    auto_order_oid: Str = None
    auto_order_code: Str = None
    merchant_id: Str = None
    original_order_id: Str = None
    status: Str = None
    enabled: Bool = None
    completed: Bool = None
    canceled_dts: Time = None
    canceled_by_user: Str = None
    cancel_reason: Str = None
    cancel_upgrade: Bool = None
    cancel_downgrade: Bool = None
    disabled_dts: Time = None
    merged_dts: Time = None
    merged_into_auto_order_oid: Str = None
    failure_reason: Str = None
    credit_card_attempt: Int = None
    next_attempt: Time = None
    override_affiliate_id: Str = None
    items: Annotated[tuple[AutoOrderItem, ...] | None, Many(AutoOrderItem)] = None
    logs: Annotated[tuple[AutoOrderLog, ...] | None, Many(AutoOrderLog)] = None
    original_order: Annotated[Order | None, One(Order)] = None
    rebill_orders: Annotated[tuple[Order, ...] | None, Many(Order)] = None


def load_auto_order(payload: Mapping[str, Any]) -> AutoOrder:
    """The auto order in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(AutoOrder, payload, "auto order", "auto_order_oid")

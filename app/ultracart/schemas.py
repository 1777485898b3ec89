"""UltraCart's Order as frozen dataclasses, every field by its true name; anyone above may import it.

Only what the relay uses is read; card and account numbers are not, not even masked.
None means absent ("not expanded" or null), which is not the same as empty.
https://www.ultracart.com/api/#resource_order.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from app.ultracart.fields import Flag, Many, Number, One, Stamp, Text, Whole, Words
from app.ultracart.reading import read_model

# How a field is read stands beside its type; all may be absent.
Str = Annotated[str | None, Text()]
Num = Annotated[Decimal | None, Number()]
Int = Annotated[int | None, Whole()]
Bool = Annotated[bool | None, Flag()]
Time = Annotated[datetime | None, Stamp()]
TagList = Annotated[tuple[str, ...] | None, Words("tag_value")]


@dataclass(frozen=True, slots=True)
class Currency:
    """An amount: `value` in the merchant's base currency, `localized` in the customer's."""

    value: Num = None
    currency_code: Str = None
    exchange_rate: Num = None
    localized: Num = None


Money = Annotated[Currency | None, One(Currency)]


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A line of an order; a kit and its components are lines of their own."""

    merchant_item_id: Str = None
    item_index: Int = None
    parent_item_index: Int = None
    parent_merchant_item_id: Str = None
    kit: Bool = None
    kit_component: Bool = None
    description: Str = None
    quantity: Num = None
    cost: Money = None
    unit_cost_with_discount: Money = None
    total_cost_with_discount: Money = None
    quantity_refunded: Num = None
    total_refunded: Money = None


@dataclass(frozen=True, slots=True)
class OrderBilling:
    """Who pays."""

    first_name: Str = None
    last_name: Str = None
    company: Str = None
    email: Str = None
    address1: Str = None
    address2: Str = None
    city: Str = None
    state_region: Str = None
    postal_code: Str = None
    country_code: Str = None
    day_phone: Str = None
    evening_phone: Str = None
    cell_phone: Str = None


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """The order's sums. Refunds are totals so far, not steps."""

    subtotal: Money = None
    subtotal_discount: Money = None
    tax: Money = None
    shipping_handling_total: Money = None
    shipping_handling_total_discount: Money = None
    internal_gift_certificate_amount: Money = None
    health_benefit_card_amount: Money = None
    total: Money = None
    total_refunded: Money = None
    tax_refunded: Money = None
    shipping_handling_refunded: Money = None
    other_refunded: Money = None


@dataclass(frozen=True, slots=True)
class OrderPayment:
    """How and when it was paid."""

    payment_method: Str = None
    payment_status: Str = None
    payment_dts: Time = None
    surcharge: Money = None
    test_order: Bool = None


@dataclass(frozen=True, slots=True)
class OrderCustomer:
    """The customer's profile, where there is one."""

    customer_profile_oid: Str = None
    email: Str = None
    tags: TagList = None


@dataclass(frozen=True, slots=True)
class OrderShipping:
    """How it was sent; UltraCart keeps one list of numbers for all parcels."""

    tracking_numbers: Annotated[tuple[str, ...] | None, Words()] = None


@dataclass(frozen=True, slots=True)
class OrderCheckout:
    """Which storefront it came from."""

    screen_branding_theme_code: Str = None
    storefront_host_name: Str = None


@dataclass(frozen=True, slots=True)
class OrderChannelPartner:
    """The outside system that the order was imported from."""

    channel_partner_code: Str = None
    channel_partner_order_id: Str = None


@dataclass(frozen=True, slots=True)
class OrderAffiliate:
    """An affiliate of the order: the first one sent it, later ones recruited the one before."""

    affiliate_oid: Str = None
    sub_id: Str = None


@dataclass(frozen=True, slots=True)
class OrderAutoOrder:
    """The subscription that the order belongs to."""

    auto_order_oid: Str = None
    original_order_id: Str = None


@dataclass(frozen=True, slots=True)
class OrderCoupon:
    """A coupon that was used."""

    coupon_code: Str = None


@dataclass(frozen=True, slots=True)
class Order:
    """One snapshot of an order."""

    merchant_id: Str = None
    order_id: Str = None
    current_stage: Str = None
    creation_dts: Time = None
    currency_code: Str = None
    exchange_rate: Num = None
    refund_dts: Time = None
    refund_reason: Str = None
    reject_dts: Time = None
    reject_reason: Str = None
    Tags: TagList = None
    items: Annotated[tuple[OrderItem, ...] | None, Many(OrderItem)] = None
    billing: Annotated[OrderBilling | None, One(OrderBilling)] = None
    summary: Annotated[OrderSummary | None, One(OrderSummary)] = None
    payment: Annotated[OrderPayment | None, One(OrderPayment)] = None
    customer_profile: Annotated[OrderCustomer | None, One(OrderCustomer)] = None
    shipping: Annotated[OrderShipping | None, One(OrderShipping)] = None
    checkout: Annotated[OrderCheckout | None, One(OrderCheckout)] = None
    channel_partner: Annotated[OrderChannelPartner | None, One(OrderChannelPartner)] = None
    affiliates: Annotated[tuple[OrderAffiliate, ...] | None, Many(OrderAffiliate)] = None
    auto_order: Annotated[OrderAutoOrder | None, One(OrderAutoOrder)] = None
    coupons: Annotated[tuple[OrderCoupon, ...] | None, Many(OrderCoupon)] = None

    @property
    def named(self) -> str:
        """The order at the beginning of a sentence."""
        return f"Order {self.order_id}" if self.order_id else "The order"


def load_order(payload: Mapping[str, Any]) -> Order:
    """The order in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(Order, payload, "order", "order_id")

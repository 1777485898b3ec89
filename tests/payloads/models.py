"""Small makers of UltraCart's official models with believable contents; for the payload cases."""

from decimal import Decimal
from typing import Any

from ultracart.model.currency import Currency
from ultracart.model.customer import Customer
from ultracart.model.order import Order
from ultracart.model.order_auto_order import OrderAutoOrder
from ultracart.model.order_billing import OrderBilling
from ultracart.model.order_checkout import OrderCheckout
from ultracart.model.order_current_stage_history import OrderCurrentStageHistory
from ultracart.model.order_item import OrderItem
from ultracart.model.order_payment import OrderPayment
from ultracart.model.order_payment_credit_card import OrderPaymentCreditCard
from ultracart.model.order_payment_transaction import OrderPaymentTransaction
from ultracart.model.order_payment_transaction_detail import OrderPaymentTransactionDetail
from ultracart.model.order_shipping import OrderShipping
from ultracart.model.order_summary import OrderSummary

CREATED = "2026-03-02T09:15:00-05:00"
PAID = "2026-03-02T09:15:21-05:00"


def money(value: float, code: str = "USD", rate: float = 1.0) -> Currency:
    """An amount in base currency, with what the customer saw."""
    seen = round(value * rate, 2)
    return Currency(
        value=float(value),
        localized=seen,
        localized_formatted=f"{seen:.2f}",
        currency_code=code,
        exchange_rate=rate,
    )


def line(item_id: str, quantity: float, unit: float, total: float | None = None, **more: Any) -> OrderItem:
    """An order's line; `total` is after discounts."""
    exact = Decimal(str(unit)) * Decimal(str(quantity)) if total is None else Decimal(str(total))
    code, rate = more.pop("currency", ("USD", 1.0))
    fields: dict[str, Any] = {
        "merchant_item_id": item_id,
        "item_index": 1,
        "description": f"{item_id.title()} of the best kind",
        "quantity": float(quantity),
        "cost": money(unit, code, rate),
        "total_cost_with_discount": money(float(exact), code, rate),
        "kit": False,
        "kit_component": False,
    }
    return OrderItem(**(fields | more))


def numbered(*lines: OrderItem) -> list[OrderItem]:
    """The lines with their positions."""
    for index, one in enumerate(lines, start=1):
        one.item_index = index
    return list(lines)


def summary(total: float, currency: tuple[str, float] = ("USD", 1.0), **parts: float) -> OrderSummary:
    """The sums; whatever is not named is 0."""
    names = ("subtotal", "subtotal_discount", "tax", "shipping_handling_total", "total_refunded")
    amounts = dict.fromkeys(names, 0.0) | parts | {"total": total}
    return OrderSummary(**{name: money(value, *currency) for name, value in amounts.items()})


def billing(**more: Any) -> OrderBilling:
    """Jane Doe of Austin."""
    fields: dict[str, Any] = {
        "first_name": "Jane",
        "last_name": "Doe",
        "company": "Acme Pets",
        "email": "Jane.Doe@example.com",
        "address1": "1 Main St",
        "address2": "Suite 5",
        "city": "Austin",
        "state_region": "TX",
        "postal_code": "78758",
        "country_code": "US",
        "day_phone": "5125550100",
        "cell_phone": "5125550101",
    }
    return OrderBilling(**(fields | more))


def customer() -> Customer:
    """Jane's profile."""
    return Customer(merchant_id="DEMO", customer_profile_oid=900, email="jane.doe@example.com")


def payment(status: str = "Processed", paid: str | None = PAID, **more: Any) -> OrderPayment:
    """A card payment, with what a gateway answers."""
    details = [
        OrderPaymentTransactionDetail(name="AVS Code", type="Text", value="Y"),
        OrderPaymentTransactionDetail(name="Authorization Code", type="Text", value="TEST12"),
    ]
    fields: dict[str, Any] = {
        "payment_method": "Credit Card",
        "payment_status": status,
        "rotating_transaction_gateway_code": "MAIN",
        "test_order": False,
        "credit_card": OrderPaymentCreditCard(
            card_type="VISA",
            card_number="XXXXXXXXXXXX1111",
            card_expiration_month=4,
            card_expiration_year=2029,
        ),
        "transactions": [
            OrderPaymentTransaction(
                transaction_id=7001, transaction_timestamp=CREATED, successful=True, details=details
            )
        ],
    }
    return OrderPayment(**(fields | ({"payment_dts": paid} if paid else {}) | more))


def order(number: int, **more: Any) -> Order:
    """A paid order of two bones with every expansion that the relay asks for."""
    order_id = f"DEMO-{number:010d}"
    fields: dict[str, Any] = {
        "merchant_id": "DEMO",
        "order_id": order_id,
        "current_stage": "Shipping Department",
        "current_stage_histories": [
            OrderCurrentStageHistory(
                before_stage="Accounts Receivable", after_stage="Shipping Department", transition_dts=PAID
            )
        ],
        "creation_dts": CREATED,
        "language_iso_code": "ENG",
        "items": [line("BONE", 2, 19.99, unit_cost_with_discount=money(19.99))],
        "billing": billing(),
        "customer_profile": customer(),
        "shipping": OrderShipping(
            first_name="Jane", last_name="Doe", address1="1 Main St", city="Austin", state_region="TX",
            postal_code="78758", country_code="US", shipping_method="USPS: Priority Mail",
        ),
        "payment": payment(),
        "summary": summary(39.98, subtotal=39.98),
        "checkout": OrderCheckout(storefront_host_name="shop.example.com", customer_ip_address="192.0.2.10"),
    }  # fmt: skip
    return Order(**{name: value for name, value in (fields | more).items() if value is not None})


def subscription(original_order_id: str, **more: Any) -> OrderAutoOrder:
    """The auto order that an order belongs to."""
    fields: dict[str, Any] = {
        "auto_order_oid": 77,
        "original_order_id": original_order_id,
        "status": "active",
        "enabled": True,
    }
    return OrderAutoOrder(**{name: value for name, value in (fields | more).items() if value is not None})

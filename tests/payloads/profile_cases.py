"""The cases of auto orders, customers, items and affiliates: event and case → its object. For the build."""

from collections.abc import Callable
from typing import Any

from ultracart.model.affiliate import Affiliate
from ultracart.model.auto_order import AutoOrder
from ultracart.model.auto_order_item import AutoOrderItem
from ultracart.model.auto_order_log import AutoOrderLog
from ultracart.model.customer import Customer
from ultracart.model.customer_billing import CustomerBilling
from ultracart.model.customer_privacy import CustomerPrivacy
from ultracart.model.customer_shipping import CustomerShipping
from ultracart.model.customer_tag import CustomerTag
from ultracart.model.item import Item
from ultracart.model.item_pricing import ItemPricing
from ultracart.model_utils import model_to_dict

from tests.payloads.models import CREATED, PAID, order, payment

REBILLED = "2026-04-02T02:10:00-04:00"
ENDED = "2026-04-20T10:00:00-04:00"


def _auto_order(**more: Any) -> Any:
    """A monthly bone that was billed twice."""
    item = AutoOrderItem(
        auto_order_item_oid=700,
        original_item_id="BONE",
        original_quantity=2.0,
        frequency="Monthly",
        first_order_dts=CREATED,
        last_order_dts=REBILLED,
        number_of_rebills=1,
    )
    fields: dict[str, Any] = {
        "merchant_id": "DEMO",
        "auto_order_oid": 77,
        "auto_order_code": "A77",
        "original_order_id": "DEMO-0009104401",
        "original_order": order(9104401),
        "items": [item],
        "status": "active",
        "enabled": True,
    }
    told = {name: value for name, value in (fields | more).items() if value is not None}
    return AutoOrder(**told)


def _ended(status: str = "canceled", **more: Any) -> Any:
    return _auto_order(**({"status": status, "enabled": False} | more))


def _raw(made: Any, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = model_to_dict(made, serialize=True)
    return plain | more


def _address(kind: type[Any], city: str, **more: Any) -> Any:
    names = {"first_name": "Jane", "last_name": "Doe", "address1": "1 Main St", "postal_code": "78758"}
    return kind(**names, city=city, state_region="TX", country_code="US", day_phone="5125550100", **more)


def _customer(**more: Any) -> Any:
    fields: dict[str, Any] = {
        "merchant_id": "DEMO",
        "customer_profile_oid": 900,
        "email": "Jane.Doe@example.com",
        "signup_dts": CREATED,
        "last_modified_dts": PAID,
        "billing": [_address(CustomerBilling, "Austin", last_used_dts=CREATED)],
        "shipping": [_address(CustomerShipping, "Dallas")],
    }
    return Customer(**{name: value for name, value in (fields | more).items() if value is not None})


def _three_addresses(**default: bool) -> Any:
    return _customer(
        billing=[
            _address(CustomerBilling, "Austin"),
            _address(CustomerBilling, "Houston", last_used_dts=REBILLED),
            _address(CustomerBilling, "Waco", last_used_dts=CREATED, **default),
        ]
    )


def _item(**more: Any) -> Any:
    fields: dict[str, Any] = {
        "merchant_id": "DEMO",
        "merchant_item_oid": 12,
        "merchant_item_id": "BOWL",
        "description": "A bowl of steel",
        "inactive": False,
        "creation_dts": CREATED,
        "last_modified_dts": PAID,
        "pricing": ItemPricing(cost=20.0, sale_cost=15.0, sale_start=CREATED, currency_code="USD"),
    }
    return Item(**{name: value for name, value in (fields | more).items() if value is not None})


def _affiliate(**more: Any) -> Any:
    fields: dict[str, Any] = {
        "merchant_id": "DEMO",
        "affiliate_oid": 12,
        "email": "Pat@example.com",
        "first_name": "Pat",
        "last_name": "Partner",
        "company_name": "Partner Ltd",
        "address_1": "2 Side St",
        "city": "Darwin",
        "state": "NT",
        "postal_code": "0800",
        "country_code": "AU",
        "phone": "5125550102",
        "status": "Active",
    }
    return Affiliate(**{name: value for name, value in (fields | more).items() if value is not None})


def _nulls(made: Any) -> dict[str, Any]:
    """Every field that there is, null where the plain case has none."""
    nothing: dict[str, Any] = dict.fromkeys(type(made).attribute_map.values())
    nothing.update(model_to_dict(made, serialize=True))
    return nothing


SINGLE: dict[tuple[str, str], Callable[[], Any]] = {
    ("auto_order_create", "active"): _auto_order,
    ("auto_order_update", "upgraded"): lambda: _ended(cancel_upgrade=True, canceled_dts=ENDED),
    ("auto_order_update", "downgraded"): lambda: _ended(cancel_downgrade=True, canceled_dts=ENDED),
    ("auto_order_cancel", "by_customer"): lambda: _ended(
        canceled_dts=ENDED, canceled_by_user="customer", cancel_reason="Too expensive"
    ),
    ("auto_order_disable", "after_declines"): lambda: _ended(
        "disabled", disabled_dts=ENDED, failure_reason="Do not honor", credit_card_attempt=5
    ),
    ("auto_order_decline", "first"): lambda: _auto_order(
        failure_reason="Insufficient funds.", credit_card_attempt=1, next_attempt=ENDED
    ),
    ("auto_order_decline", "by_name_alone"): lambda: _auto_order(
        logs=[AutoOrderLog(log_dts=ENDED, log_message="Card declined")]
    ),
    ("auto_order_update", "merged"): lambda: _ended(
        "merged", merged_dts=ENDED, merged_into_auto_order_oid=78
    ),
    ("auto_order_update", "completed"): lambda: _ended("disabled", completed=True, disabled_dts=ENDED),
    ("auto_order_update", "unknown_status"): lambda: _raw(_auto_order(enabled=None), status="dormant"),
    ("auto_order_update", "nulls_everywhere"): lambda: _nulls(_auto_order()),
    ("auto_order_update", "wrong_type"): lambda: _raw(_auto_order(), canceled_dts=["yesterday"]),
    ("auto_order_update", "no_id"): lambda: _auto_order(auto_order_oid=None),
    ("auto_order_rebill", "person_of_rebill"): lambda: _auto_order(
        original_order=None, rebill_orders=[order(9104480)]
    ),
    ("auto_order_preshipment", "no_order_expansion"): lambda: _auto_order(original_order=None),
    ("auto_order_create", "test_order"): lambda: _auto_order(
        original_order=order(9104481, payment=payment(test_order=True))
    ),
    ("customer_create", "both_addresses"): _customer,
    ("customer_update", "shipping_only"): lambda: _customer(billing=[]),
    ("customer_update", "last_used_address"): _three_addresses,
    ("customer_update", "default_address"): lambda: _three_addresses(default_billing=True),
    ("customer_update", "agreed"): lambda: _customer(
        privacy=CustomerPrivacy(marketing=True, last_update_dts=PAID)
    ),
    ("customer_update", "refused"): lambda: _customer(
        privacy=CustomerPrivacy(marketing=False, last_update_dts=PAID)
    ),
    ("customer_update", "never_asked"): lambda: _customer(privacy=CustomerPrivacy(marketing=False)),
    ("customer_update", "no_mail"): lambda: _customer(
        do_not_send_mail=True, privacy=CustomerPrivacy(marketing=True, last_update_dts=PAID)
    ),
    ("customer_update", "tagged"): lambda: _customer(tags=[CustomerTag(tag_value="wholesale")]),
    ("customer_update", "no_email"): lambda: _customer(email=""),
    ("customer_update", "no_id"): lambda: _customer(customer_profile_oid=None),
    ("customer_update", "nulls_everywhere"): lambda: _nulls(_customer()),
    ("customer_update", "wrong_type"): lambda: _raw(_customer(), billing="1 Main St"),
    ("customer_delete", "profile"): _customer,
    ("item_create", "priced"): _item,
    ("item_update", "inactive"): lambda: _item(inactive=True),
    ("item_update", "no_pricing"): lambda: _item(pricing=None),
    ("item_update", "negative_price"): lambda: _item(pricing=ItemPricing(cost=-1.0)),
    ("item_update", "no_item_id"): lambda: _item(merchant_item_id=None),
    ("item_update", "nulls_everywhere"): lambda: _nulls(_item()),
    ("item_update", "wrong_type"): lambda: _raw(_item(), pricing={"cost": "cheap"}),
    ("item_delete", "priced"): _item,
    ("affiliate_update", "active"): _affiliate,
    ("affiliate_update", "inactive"): lambda: _affiliate(status="Inactive"),
    ("affiliate_create", "unknown_status"): lambda: _raw(_affiliate(), status="Pending"),
    ("affiliate_update", "no_status"): lambda: _affiliate(status=None),
    ("affiliate_update", "no_email"): lambda: _affiliate(email=None),
    ("affiliate_update", "no_id"): lambda: _affiliate(affiliate_oid=None),
    ("affiliate_update", "nulls_everywhere"): lambda: _nulls(_affiliate()),
    ("affiliate_update", "wrong_type"): lambda: _raw(_affiliate(), email={"address": "pat@example.com"}),
    ("affiliate_delete", "active"): _affiliate,
}

"""Our models of what is polled and pulled, against UltraCart's official ones, and how lenient they are."""

import importlib
import re
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.ultracart import affiliates, auto_orders, customers, items, schemas
from app.ultracart.affiliates import load_affiliate
from app.ultracart.auto_orders import load_auto_order
from app.ultracart.customers import load_customer
from app.ultracart.fields import Flag, Many, Number, One, Stamp, Text, Whole, Words
from app.ultracart.items import load_item
from app.ultracart.polled import polled_event

MODULES: tuple[ModuleType, ...] = (affiliates, auto_orders, customers, items, schemas)
OFFICIAL_NAMES = {"OrderCustomer": "Customer"}
OFFICIAL_TYPES: dict[type[Any], set[type[Any]]] = {
    Text: {str, int},
    Stamp: {str},
    Number: {float},
    Whole: {int},
    Flag: {bool},
}
# Stamps that do not end in _dts.
STAMPS = {"next_attempt", "sale_start", "sale_end"}


def official(model: type[Any]) -> Any:
    name = OFFICIAL_NAMES.get(model.__name__, model.__name__)
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return getattr(importlib.import_module(f"ultracart.model.{module}"), name)


def used() -> list[Any]:
    return [
        pytest.param(model, field.name, id=f"{model.__name__}.{field.name}")
        for module in MODULES
        for model in vars(module).values()
        if isinstance(model, type) and model.__module__ == module.__name__
        for field in fields(model)
    ]


@pytest.mark.parametrize(("model", "name"), used())
def test_every_field_has_its_true_name_and_type(model, name):
    theirs = official(model)
    assert name in theirs.attribute_map.values(), "UltraCart knows no such field"
    attribute = next(key for key, json_key in theirs.attribute_map.items() if json_key == name)
    (type_of_theirs,) = theirs.openapi_types[attribute]
    reader = get_type_hints(model, include_extras=True)[name].__metadata__[0]
    if isinstance(reader, Many):
        assert type_of_theirs == [official(reader.model)]
    elif isinstance(reader, One):
        assert type_of_theirs is official(reader.model)
    elif isinstance(reader, Words):
        (element,) = type_of_theirs
        assert element is str or reader.key in element.attribute_map.values()
    else:
        assert type_of_theirs in OFFICIAL_TYPES[type(reader)]
        assert isinstance(reader, Stamp) == (name.endswith("_dts") or name in STAMPS)
        assert not isinstance(reader, Text) or type_of_theirs is str or name.endswith(("_oid", "_id"))


def test_every_model_is_checked():
    models = {param.values[0].__name__ for param in used()}
    assert {"Order", "OrderItem", "OrderSummary", "AutoOrder", "Customer", "Item", "Affiliate"} <= models
    assert len(used()) > 120


def test_no_number_of_a_card_is_read():
    assert not [
        name for *_, name in (param.values for param in used()) if "card_number" in name or "account" in name
    ]


def test_an_auto_order_with_its_original_order():
    found = load_auto_order(
        {
            "auto_order_oid": 77,
            "status": "canceled",
            "enabled": False,
            "cancel_upgrade": True,
            "canceled_dts": "2026-03-02T09:15:00-05:00",
            "credit_card_attempt": 2,
            "failure_reason": "Declined",
            "logs": [{"log_dts": "2026-03-02T09:15:01-05:00", "log_message": "Canceled"}, None],
            "items": [{"original_item_id": "BONE", "last_order_dts": "2026-02-02T00:00:00-05:00"}],
            "original_order": {"order_id": "DEMO-1", "billing": {"email": "jane@example.com"}},
        }
    )
    assert (found.auto_order_oid, found.status, found.enabled, found.completed) == (
        "77",
        "canceled",
        False,
        None,
    )
    assert found.canceled_dts == datetime(2026, 3, 2, 14, 15, tzinfo=UTC)
    assert found.logs is not None
    assert [entry.log_message for entry in found.logs] == ["Canceled"]
    assert found.original_order is not None
    assert found.original_order.billing is not None
    assert found.original_order.billing.email == "jane@example.com"
    assert found.rebill_orders is None


def test_the_copy_inside_an_order_reads_the_same():
    order = {"auto_order": {"auto_order_oid": 77, "status": "disabled", "disabled_dts": None}}
    found = load_auto_order(order["auto_order"])
    assert (found.status, found.disabled_dts, found.items) == ("disabled", None, None)


def test_an_item_keeps_its_price_exactly():
    found = load_item({"merchant_item_id": "BONE", "pricing": {"cost": 19.99, "sale_cost": "9.90"}})
    assert found.pricing is not None
    assert (found.pricing.cost, found.pricing.sale_cost) == (Decimal("19.99"), Decimal("9.90"))
    assert (found.inactive, found.content) == (None, None)


def test_a_customer_and_an_affiliate():
    customer = load_customer(
        {"customer_profile_oid": 5, "billing": [], "privacy": {"marketing": False}, "do_not_send_mail": None}
    )
    assert (customer.customer_profile_oid, customer.billing, customer.shipping) == ("5", (), None)
    assert customer.privacy is not None
    assert (customer.privacy.marketing, customer.privacy.statistics) == (False, None)
    affiliate = load_affiliate({"affiliate_oid": 12, "status": "Some New Word", "tax_id": "secret"})
    assert (affiliate.affiliate_oid, affiliate.status) == ("12", "Some New Word")


@pytest.mark.parametrize(
    ("load", "payload", "words"),
    [
        (load_auto_order, {"items": 5}, "The auto order holds something that cannot be: items is no list."),
        (load_auto_order, {"logs": [{"log_dts": "soon"}]}, "logs.log_dts is no time stamp"),
        (load_item, {"pricing": {"cost": "free"}}, "pricing.cost is no number"),
        (load_customer, {"billing": {"city": "Austin"}}, "billing is no list"),
        (load_affiliate, {"affiliate_oid": [1]}, "affiliate_oid is no text"),
    ],
)
def test_what_cannot_be_is_a_mapping_failure_in_plain_words(load, payload, words):
    with pytest.raises(DeliveryFailure) as caught:
        load(payload)
    assert caught.value.failure is FailureClass.MAPPING
    assert words in caught.value.reason


def test_what_is_polled_is_an_event_like_a_delivered_one():
    payload = {
        "merchant_id": "DEMO",
        "affiliate_oid": 12,
        "minimum_payout": Decimal("10.50"),
        "city": "\ud83d",
    }
    event: Any = polled_event("affiliate_update", payload, "DEMO")
    assert (event.name, event.object_key, event.payload["minimum_payout"]) == ("affiliate_update", "12", 10.5)
    assert event.digest == polled_event("affiliate_update", payload | {"fax": None}, "DEMO").digest
    assert event.digest != polled_event("affiliate_update", payload | {"fax": "1"}, "DEMO").digest
    stranger: Any = polled_event("item_update", {"merchant_id": "OTHER"}, "DEMO")
    assert "another merchant" in stranger.reason

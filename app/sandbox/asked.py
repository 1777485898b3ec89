"""What a request body asks for, read strictly; for app.sandbox only. Refused(400) for what makes no sense."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import request

from app.sandbox.fields import as_text
from app.sandbox.records import LineAsked, SaleAsked
from app.sandbox.refusals import Refused


def json_object() -> dict[str, Any]:
    """The JSON object in the body of this request."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid JSON")
    return body


def read_ids(body: Mapping[str, Any]) -> list[str]:
    """`ids`, an array of ids."""
    ids = body.get("ids")
    if not isinstance(ids, list):
        raise Refused(400, "Invalid ids")
    return [as_text(one) for one in ids]


def read_fields(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The new fields of a fieldeditor body: `fields` is an array of columns, each an array of fields."""
    columns = body.get("fields")
    if not isinstance(columns, list) or not all(isinstance(column, list) for column in columns):
        raise Refused(400, "Invalid fields")
    specs = [spec for column in columns for spec in column]
    if not all(isinstance(spec, dict) and spec.get("alias") and spec.get("type") for spec in specs):
        raise Refused(400, "Invalid fields")
    return specs


def read_sale(body: Mapping[str, Any]) -> SaleAsked:
    """The body of processManual; `trans_date` is milliseconds, unlike every other date of ONTRAPORT."""
    if body.get("chargeNow") != "chargeLog":
        raise Refused(400, "The sandbox charges nobody: chargeNow must be chargeLog")
    offer = body.get("offer")
    products = offer.get("products") if isinstance(offer, dict) else None
    if not isinstance(products, list) or not products:
        raise Refused(400, "Invalid offer")
    return SaleAsked(
        contact_id=as_text(body.get("contact_id")),
        lines=tuple(_read_line(product) for product in products),
        date=_read_date(body.get("trans_date")),
        external_order_id=as_text(body.get("external_order_id")),
        oprid=as_text(body.get("oprid")),
        invoice_template=as_text(body.get("invoice_template")),
    )


def _read_line(product: Mapping[str, Any]) -> LineAsked:
    quantity = as_text(product.get("quantity"))
    if not quantity.isdecimal() or int(quantity) == 0:
        raise Refused(400, "Invalid quantity")
    return LineAsked(as_text(product.get("id")), int(quantity), _read_price(product.get("price")))


def _read_price(prices: Any) -> Decimal | None:
    if prices is None:
        return None
    try:
        price = Decimal(as_text(prices[0]["price"]))
    except (InvalidOperation, TypeError, KeyError, IndexError) as error:
        raise Refused(400, "Invalid price") from error
    if not price.is_finite() or price < 0:
        raise Refused(400, "Invalid price")
    return price


def _read_date(value: Any) -> int | None:
    if value is None:
        return None
    text = as_text(value)
    if not text.isdecimal():
        raise Refused(400, "Invalid trans_date")
    return int(text) // 1000

"""UltraCart's REST API under /ultracart/rest/v2, answering as the real one does; for app.sandbox only.

Objects come without their expansions unless `_expand` names them; lists come in pages with a result set.
https://www.ultracart.com/api/
"""

import hmac
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox.refusals import Refused
from app.sandbox.state import state
from app.sandbox.ultracart_answers import (
    Throttled,
    answer_of,
    empty_envelope,
    envelope,
    faults_here,
    refusal,
)
from app.sandbox.ultracart_edge import CLOSED, PREFIX
from app.sandbox.ultracart_expansion import AUTO_ORDER, CUSTOMER, ITEM, ORDER, Shape, expanded
from app.sandbox.ultracart_lists import Paging, changed_since, matching, sorted_rows
from app.sandbox.ultracart_webhooks import routes as webhook_routes

VERSION = "2017-03-01"
MOST_ITEMS = 2000
MOST_IN_BATCH = 500
ORDER_FIELDS = {
    "order_id": "order_id",
    "current_stage": "current_stage",
    "email": "billing.email",
    "item_id": "items.merchant_item_id",
    "payment_method": "payment.payment_method",
    "customer_profile_oid": "customer_profile.customer_profile_oid",
    "channel_partner_code": "channel_partner.channel_partner_code",
    "channel_partner_order_id": "channel_partner.channel_partner_order_id",
}
ORDER_SPANS = {
    "creation_date": "creation_dts",
    "payment_date": "payment.payment_dts",
    "refund_date": "refund_dts",
}
AUTO_ORDER_FIELDS = {
    "auto_order_code": "auto_order_code",
    "original_order_id": "original_order_id",
    "status": "status",
    "email": "original_order.billing.email",
}
AFFILIATE_FIELDS = {
    name: name
    for name in (
        "affiliate_oid", "city", "company_name", "country_code", "email", "first_name", "last_name",
        "postal_code", "short_code", "state", "status",
    )
}  # fmt: skip

routes = Blueprint("ultracart", __name__, url_prefix=PREFIX)
routes.register_blueprint(webhook_routes)


@routes.before_request
def guard() -> Response | None:
    """Turn away who is over the limits, names no version or has no valid key; then comes a fault's answer."""
    closed = request.environ[CLOSED]
    if closed:
        raise Throttled.because(closed)
    if request.headers.get("X-UltraCart-Api-Version") != VERSION:
        raise Refused(400, "The X-UltraCart-Api-Version header is missing or names no known version.")
    key = request.headers.get("x-ultracart-simple-key", "")
    if not hmac.compare_digest(key.encode(), state().shop.key.encode()):
        raise Refused(401, "Invalid authentication.")
    fault = faults_here().first("answer")
    return None if fault is None or fault.options["commit"] else answer_of(fault)


@routes.after_request
def finish(response: Response) -> Response:
    """The faults that spoil an answer whose work was done."""
    answer = faults_here().first("answer")
    if answer and answer.options["commit"]:
        response = answer_of(answer)
    if faults_here().first("no_id") and response.is_json:
        response = empty_envelope()
    state().shop.traffic.answered(response.status_code, over_limit=bool(request.environ[CLOSED]))
    return response


@routes.errorhandler(Refused)
def refuse(refused: Refused) -> Response:
    """A refusal in UltraCart's manner."""
    return refusal(refused)


@routes.get("/item/items")
def list_items() -> Response:
    """Items, up to 2,000 a page; `_since` by their last change."""
    rows = changed_since(state().shop.rows("items"), "last_modified_dts", request.args.get("_since", ""))
    rows = sorted_rows(rows, request.args.get("_sort", ""))
    return _page("items", rows, ITEM, Paging.of(request.args, most=MOST_ITEMS))


@routes.get("/item/items/<int:merchant_item_oid>")
def get_item(merchant_item_oid: int) -> Response:
    """One item by its number."""
    return _one("item", state().shop.get("items", merchant_item_oid), ITEM)


@routes.get("/item/items/merchant_item_id/<merchant_item_id>")
def get_item_by_id(merchant_item_id: str) -> Response:
    """One item by the id that orders name."""
    return _one("item", state().shop.find("items", "merchant_item_id", merchant_item_id), ITEM)


@routes.post("/affiliate/affiliates/query")
def query_affiliates() -> Response:
    """Affiliates that meet all criteria, at least one of which is needed."""
    rows = matching(state().shop.rows("affiliates"), _body(), AFFILIATE_FIELDS, {})
    return _page("affiliates", rows, Shape(), Paging.of(request.args))


@routes.get("/affiliate/affiliates/<int:affiliate_oid>")
def get_affiliate(affiliate_oid: int) -> Response:
    """One affiliate."""
    return _one("affiliate", state().shop.get("affiliates", affiliate_oid), Shape())


@routes.get("/order/orders")
def list_orders() -> Response:
    """Orders that meet all criteria in the query string, at least one of which is needed."""
    return _orders(_criteria())


@routes.post("/order/orders/batch")
def batch_orders() -> Response:
    """The orders of these ids, as far as there are such."""
    asked = _body().get("order_ids")
    if not isinstance(asked, list) or len(asked) > MOST_IN_BATCH:
        raise Refused(400, f"order_ids has to be a list of {MOST_IN_BATCH} ids at most")
    rows: list[Mapping[str, Any]] = [row for row in state().shop.rows("orders") if row["order_id"] in asked]
    return _page("orders", rows, ORDER, Paging(MOST_IN_BATCH, 0))


@routes.post("/order/orders/query")
def query_orders() -> Response:
    """Orders that meet all criteria in the body, at least one of which is needed."""
    return _orders(_body())


@routes.get("/order/orders/<order_id>")
def get_order(order_id: str) -> Response:
    """One order."""
    return _one("order", state().shop.get("orders", order_id), ORDER)


@routes.get("/auto_order/auto_orders")
def list_auto_orders() -> Response:
    """Auto orders that meet all criteria in the query string, at least one of which is needed."""
    rows = matching(state().shop.rows("auto_orders"), _criteria(), AUTO_ORDER_FIELDS, {})
    return _page("auto_orders", rows, AUTO_ORDER, Paging.of(request.args))


@routes.get("/auto_order/auto_orders/<int:auto_order_oid>")
def get_auto_order(auto_order_oid: int) -> Response:
    """One auto order by its number."""
    return _one("auto_order", state().shop.get("auto_orders", auto_order_oid), AUTO_ORDER)


@routes.get("/auto_order/auto_orders/reference_order_id/<order_id>")
def get_auto_order_by_order(order_id: str) -> Response:
    """The auto order that began with an order."""
    return _one("auto_order", state().shop.find("auto_orders", "original_order_id", order_id), AUTO_ORDER)


@routes.get("/customer/customers/<int:customer_profile_oid>")
def get_customer(customer_profile_oid: int) -> Response:
    """One customer's profile."""
    return _one("customer", state().shop.get("customers", customer_profile_oid), CUSTOMER)


@routes.get("/customer/customers/by_email/<email>")
def get_customer_by_email(email: str) -> Response:
    """The profile with this e-mail."""
    return _one("customer", state().shop.find("customers", "email", email), CUSTOMER)


@routes.route("/<path:_rest>", methods=["GET", "POST", "PUT", "DELETE"])
def unknown(_rest: str) -> Response:
    """What the sandbox does not have."""
    raise Refused(404, "The sandbox has no such resource")


def _orders(criteria: Mapping[str, Any]) -> Response:
    rows = matching(state().shop.rows("orders"), criteria, ORDER_FIELDS, ORDER_SPANS)
    return _page("orders", sorted_rows(rows, request.args.get("_sort", "")), ORDER, Paging.of(request.args))


def _one(key: str, row: Mapping[str, Any], shape: Shape) -> Response:
    return envelope(key, expanded(row, shape, request.args.get("_expand", "")))


def _page(key: str, rows: list[Mapping[str, Any]], shape: Shape, paging: Paging) -> Response:
    asked = request.args.get("_expand", "")
    expanded({}, shape, asked)
    page, result_set = paging.cut(rows)
    return envelope(key, [expanded(row, shape, asked) for row in page], result_set)


def _criteria() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if not name.startswith("_")}


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid JSON")
    return body

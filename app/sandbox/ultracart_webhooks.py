"""UltraCart's webhook resource: subscriptions, the catalogue of events, the log; for app.sandbox only.

It keeps webhooks and sends nothing to them. https://www.ultracart.com/api/#resource_webhook.html
"""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox.refusals import Refused
from app.sandbox.state import state
from app.sandbox.ultracart_answers import envelope
from app.sandbox.ultracart_expansion import AUTO_ORDER, CUSTOMER, ITEM, ORDER, Shape
from app.sandbox.ultracart_lists import Paging, changed_since
from app.ultracart.catalogue import EVENTS

EXPANSIONS = {
    "order": ORDER,
    "fulfillment": ORDER,
    "auto_order": AUTO_ORDER,
    "item": ITEM,
    "customer": CUSTOMER,
}
# UltraCart has no webhook for affiliates.
CATEGORIES = {name: sorted(events) for name, events in sorted(EVENTS.items()) if name != "affiliate"}
REFLOWING = frozenset({"item_update", "order_create"})
AUTHENTICATIONS = frozenset({"none", "basic", "api user", "aws iam"})
LEAST_EVENTS = 10

routes = Blueprint("webhook", __name__, url_prefix="/webhook")


@routes.get("/webhooks")
def list_webhooks() -> Response:
    """All webhooks."""
    page, result_set = Paging.of(request.args).cut(state().shop.rows("webhooks"))
    return envelope("webhooks", [_shown(row) for row in page], result_set)


@routes.post("/webhooks")
def insert_webhook() -> Response:
    """One more webhook, even for an address that has one; Basic credentials not given are made up."""
    asked = _checked(_body())
    standing = {"disabled": False, "consecutive_failures": 0, "pending": 0, "api_version": "2017-03-01"}
    return envelope("webhook", _shown(state().shop.put("webhooks", standing | _with_credentials(asked))))


@routes.put("/webhooks/<int:webhook_oid>")
def update_webhook(webhook_oid: int) -> Response:
    """The settings of one webhook; what is not named stays."""
    known = state().shop.get("webhooks", webhook_oid)
    changed = known | _checked({"webhook_url": known.get("webhook_url")} | _body())
    changed["webhook_oid"] = webhook_oid
    return envelope("webhook", _shown(state().shop.put("webhooks", _with_credentials(changed))))


@routes.delete("/webhooks/<int:webhook_oid>")
def delete_webhook(webhook_oid: int) -> tuple[str, int]:
    """One webhook less."""
    state().shop.remove("webhooks", webhook_oid)
    return "", 204


@routes.delete("/webhooks")
def delete_webhook_by_url() -> tuple[str, int]:
    """One webhook less, by the address in the body."""
    found = state().shop.find("webhooks", "webhook_url", str(_body().get("webhook_url")))
    state().shop.remove("webhooks", found["webhook_oid"])
    return "", 204


@routes.get("/webhook_event_categories")
def list_categories() -> Response:
    """Every event with its category and the expansions that it knows."""
    return envelope("event_categories", [_category(name, {}) for name in CATEGORIES])


@routes.get("/webhooks/<int:webhook_oid>/logs")
def list_logs(webhook_oid: int) -> Response:
    """What was delivered to a webhook, newest first as it was put in."""
    rows = changed_since(_logs(webhook_oid), "delivery_dts", request.args.get("_since", ""))
    success = request.args.get("success", "").lower()
    rows = [row for row in rows if not success or str(row.get("success")).lower() == success]
    page, result_set = Paging.of(request.args).cut(rows)
    short = ("delivery_dts", "duration", "event_names", "order_ids", "request_id", "status_code", "success")
    summaries = [{key: row[key] for key in short if key in row} for row in page]
    return envelope("webhook_log_summaries", summaries, result_set)


@routes.get("/webhooks/<int:webhook_oid>/logs/<request_id>")
def get_log(webhook_oid: int, request_id: str) -> Response:
    """One delivery, whole."""
    found = next((row for row in _logs(webhook_oid) if row["request_id"] == request_id), None)
    if found is None:
        raise Refused(404, f"request_id {request_id} does not exist")
    return envelope("webhook_log", found)


@routes.post("/webhooks/<int:webhook_oid>/reflow/<event_name>")
def reflow(webhook_oid: int, event_name: str) -> Response:
    """Says that every object will be sent again; nothing is."""
    state().shop.get("webhooks", webhook_oid)
    return envelope("reflow", {"event_name": event_name, "queued": event_name in REFLOWING})


def _logs(webhook_oid: int) -> list[dict[str, Any]]:
    state().shop.get("webhooks", webhook_oid)
    return [row for row in state().shop.rows("webhook_logs") if row.get("webhook_oid") == webhook_oid]


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid JSON")
    return body


def _checked(webhook: dict[str, Any]) -> dict[str, Any]:
    """The webhook as it was asked for. Refused(400) for what UltraCart could not keep."""
    if not isinstance(webhook.get("webhook_url"), str) or not webhook["webhook_url"]:
        raise Refused(400, "webhook_url is required")
    if webhook.get("authentication_type", "none") not in AUTHENTICATIONS:
        raise Refused(400, "Invalid authentication_type")
    if (webhook.get("maximum_events") or LEAST_EVENTS) < LEAST_EVENTS:
        raise Refused(400, f"maximum_events must be at least {LEAST_EVENTS}")
    for category in webhook.get("event_categories") or []:
        _check_category(category)
    return webhook


def _check_category(category: Mapping[str, Any]) -> None:
    name = category.get("event_category")
    if name not in CATEGORIES:
        raise Refused(400, f"Invalid event_category: {name}")
    known = _expansions(EXPANSIONS.get(name, Shape()))
    for event in category.get("events") or []:
        if event.get("event_name") not in CATEGORIES[name]:
            raise Refused(400, f"Invalid event_name: {event.get('event_name')}")
        for expansion in filter(None, (event.get("expansion") or "").split(",")):
            if expansion not in known:
                raise Refused(400, f"Invalid expansion of {event['event_name']}: {expansion}")


def _with_credentials(webhook: Mapping[str, Any]) -> dict[str, Any]:
    if webhook.get("authentication_type") != "basic":
        return dict(webhook)
    made = {"basic_username": secrets.token_hex(8), "basic_password": secrets.token_hex(16)}
    return made | {name: value for name, value in webhook.items() if value is not None}


def _shown(webhook: Mapping[str, Any]) -> dict[str, Any]:
    """The webhook; with `_placeholders` also the events that it does not subscribe to."""
    kept = {one["event_category"]: one for one in webhook.get("event_categories") or []}
    if request.args.get("_placeholders", "").lower() != "true":
        return dict(webhook)
    return {**webhook, "event_categories": [_category(name, kept.get(name, {})) for name in CATEGORIES]}


def _category(name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    subscribed = {event["event_name"]: event for event in kept.get("events") or []}
    events = [_event(event) | subscribed.get(event, {}) for event in CATEGORIES[name]]
    return {
        "event_category": name,
        "available_expansions": sorted(_expansions(EXPANSIONS.get(name, Shape()))),
        "any_subscribed": any(event["subscribed"] for event in events),
        "subscribed": all(event["subscribed"] for event in events),
        "events": events,
    }


def _event(name: str) -> dict[str, Any]:
    return {
        "event_name": name,
        "event_description": name.replace("_", " ").capitalize(),
        "subscribed": False,
        "supports_reflow": name in REFLOWING,
        "deprecated_flag": False,
        "discontinued_flag": False,
    }


def _expansions(shape: Shape) -> set[str]:
    beneath = {
        f"{name}.{inner}" for name in shape.hidden for inner in _expansions(shape.parts.get(name, Shape()))
    }
    return {*shape.hidden, *beneath}

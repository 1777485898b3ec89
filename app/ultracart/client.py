"""The client of UltraCart's REST API v2: one small method a call; for app.services and above.

One client per merchant and process, shared by its threads. Every method makes exactly one request, never
repeats one, and enters the `Permit` that it is given for the length of it: UltraCart allows 1,000 requests
an hour, 10,000 a day and no two at once, so permission is waited for there. Every failure is a
DeliveryFailure with its class, raised inside the permit; but LeaseLost, which the context's `check` raises
(then nothing was sent), and what the permit itself raises.
https://www.ultracart.com/api/
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import Call
from app.http.context import CallContext, boot_seconds
from app.http.exchanges import exchange_of
from app.http.transport import Transport
from app.settings import Secret
from app.ultracart import expansions
from app.ultracart.client_answers import Page, Reply, read_one, read_page, read_reply
from app.ultracart.client_failures import failure_of, unreadable

API_VERSION = "2017-03-01"
ITEMS_LIMIT = 2000
ITEMS_PAGE = 500
ORDERS_PAGE = 200
# UltraCart takes 500; so many come in one answer of a few megabytes.
ORDERS_BATCH = 100
AFFILIATES_PAGE = 200
WEBHOOKS_PAGE = 100
MOST_BYTES = 32 * 1024 * 1024

# Single use: entered once, immediately before the one request of a call.
Permit = AbstractContextManager[CallContext]

log = structlog.get_logger(__name__)


class UltracartClient:
    """The calls that the relay makes to one merchant's shop.

    Objects come as UltraCart writes them, fractions as Decimal, as in the payload of an event.
    """

    def __init__(
        self,
        base_url: str,
        key: Secret,
        *,
        transport: Transport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key = key.reveal()
        self._transport = transport or shop_transport(base_url, key)
        self._now = now

    def get_order(self, order_id: str, permit: Permit, expand: str = expansions.ORDER) -> Mapping[str, Any]:
        """An order. https://www.ultracart.com/api/#resource_order.html"""
        return self._one(_read("/order/orders", order_id, expand=expand), "order", permit)

    def orders_page(
        self,
        criteria: Mapping[str, Any],
        permit: Permit,
        *,
        offset: int = 0,
        limit: int = ORDERS_PAGE,
        expand: str = expansions.ORDER,
    ) -> Page:
        """Orders that meet all criteria of an OrderQuery (`payment_date_begin` …), at least one is needed."""
        query: dict[str, str | int] = {
            "_limit": min(limit, ORDERS_PAGE),
            "_offset": offset,
            "_expand": expand,
        }
        return self._page(Call("POST", "/order/orders/query", criteria, query), "orders", permit)

    def orders_batch(
        self, order_ids: Sequence[str], permit: Permit, expand: str = expansions.ORDER
    ) -> tuple[Mapping[str, Any], ...]:
        """The orders of these ids, up to ORDERS_BATCH, as far as the shop has them, in any order."""
        call = Call("POST", "/order/orders/batch", {"order_ids": list(order_ids)}, {"_expand": expand})
        return self._page(call, "orders", permit).rows

    def get_auto_order(
        self, auto_order_oid: str, permit: Permit, expand: str = expansions.AUTO_ORDER
    ) -> Mapping[str, Any]:
        """An auto order by its own number. https://www.ultracart.com/api/#resource_auto_order.html"""
        return self._one(
            _read("/auto_order/auto_orders", auto_order_oid, expand=expand), "auto_order", permit
        )

    def get_auto_order_by_order(
        self, order_id: str, permit: Permit, expand: str = expansions.AUTO_ORDER
    ) -> Mapping[str, Any]:
        """The auto order that began with this order; there is at most one."""
        call = _read("/auto_order/auto_orders/reference_order_id", order_id, expand=expand)
        return self._one(call, "auto_order", permit)

    def get_customer(
        self, customer_profile_oid: str, permit: Permit, expand: str = expansions.CUSTOMER
    ) -> Mapping[str, Any]:
        """A customer's profile. https://www.ultracart.com/api/#resource_customer.html"""
        return self._one(
            _read("/customer/customers", customer_profile_oid, expand=expand), "customer", permit
        )

    def get_item(
        self, merchant_item_id: str, permit: Permit, expand: str = expansions.ITEM
    ) -> Mapping[str, Any]:
        """An item by the id that orders name. https://www.ultracart.com/api/#resource_item.html"""
        return self._one(
            _read("/item/items/merchant_item_id", merchant_item_id, expand=expand), "item", permit
        )

    def items_page(
        self,
        permit: Permit,
        *,
        since: datetime | None = None,
        offset: int = 0,
        limit: int = ITEMS_PAGE,
        sort: str = "",
        expand: str = expansions.ITEM,
    ) -> Page:
        """Items created or changed at or after `since` (aware), all without it; `limit` up to 2,000."""
        asked = {"_since": since.isoformat(timespec="seconds") if since else "", "_sort": sort}
        call = _list("/item/items", offset, min(limit, ITEMS_LIMIT), _expand=expand, **asked)
        return self._page(call, "items", permit)

    def affiliates_page(
        self, permit: Permit, *, status: str, offset: int = 0, limit: int = AFFILIATES_PAGE
    ) -> Page:
        """Affiliates of a `status`, Active or Inactive: the query needs a criterion, so one asks for each.

        https://www.ultracart.com/api/#resource_affiliate.html
        """
        query = {"_limit": min(limit, AFFILIATES_PAGE), "_offset": offset}
        call = Call("POST", "/affiliate/affiliates/query", {"status": status}, query)
        return self._page(call, "affiliates", permit)

    def webhooks_page(self, permit: Permit, *, offset: int = 0, limit: int = WEBHOOKS_PAGE) -> Page:
        """The shop's webhooks with what each subscribes to, and how its deliveries fare.

        https://www.ultracart.com/api/#resource_webhook.html
        """
        return self._page(_list("/webhook/webhooks", offset, limit), "webhooks", permit)

    def insert_webhook(self, webhook: Mapping[str, Any], permit: Permit) -> Mapping[str, Any]:
        """Add a webhook; it comes back with its `webhook_oid`. Not idempotent: look for its address first."""
        return self._one(Call("POST", "/webhook/webhooks", webhook, repeatable=False), "webhook", permit)

    def update_webhook(
        self, webhook_oid: str, webhook: Mapping[str, Any], permit: Permit
    ) -> Mapping[str, Any]:
        """Replace a webhook's settings. Idempotent."""
        return self._one(Call("PUT", _path("/webhook/webhooks", webhook_oid), webhook), "webhook", permit)

    def delete_webhook(self, webhook_oid: str, permit: Permit) -> None:
        """Remove a webhook. Idempotent, but `gone` the second time."""
        self._call(Call("DELETE", _path("/webhook/webhooks", webhook_oid)), permit)

    def webhook_event_categories(self, permit: Permit) -> tuple[Mapping[str, Any], ...]:
        """Every event that a webhook can subscribe to, by category, with the expansions that it knows."""
        call = Call("GET", "/webhook/webhook_event_categories")
        return self._page(call, "event_categories", permit).rows

    def webhook_logs_page(
        self,
        webhook_oid: str,
        permit: Permit,
        *,
        success: bool | None = None,
        since: datetime | None = None,
        offset: int = 0,
        limit: int = WEBHOOKS_PAGE,
    ) -> Page:
        """What was delivered to a webhook, in short; with `success` only what went well, or did not."""
        asked = {
            "success": "" if success is None else str(success).lower(),
            "_since": since.isoformat(timespec="seconds") if since else "",
        }
        call = _list(_path("/webhook/webhooks", webhook_oid) + "/logs", offset, limit, **asked)
        return self._page(call, "webhook_log_summaries", permit)

    def webhook_log(self, webhook_oid: str, request_id: str, permit: Permit) -> Mapping[str, Any]:
        """One delivery of the log, with the first 100,000 characters of its body."""
        call = Call("GET", _path(_path("/webhook/webhooks", webhook_oid) + "/logs", request_id))
        return self._one(call, "webhook_log", permit)

    def _one(self, call: Call, key: str, permit: Permit) -> Mapping[str, Any]:
        reply = self._call(call, permit)
        found = read_one(reply, key)
        if found is None:
            raise unreadable(call, reply, f"the {key}")
        return found

    def _page(self, call: Call, key: str, permit: Permit) -> Page:
        reply = self._call(call, permit)
        offset, limit = int(call.query.get("_offset", 0)), int(call.query.get("_limit", sys.maxsize))
        page = read_page(reply, key, offset, limit)
        if page is None:
            raise unreadable(call, reply, f"a list of {key}")
        if page.skipped:
            log.warning("ultracart.rows_skipped", path=call.path, offset=offset, rows=page.skipped)
        return page

    def _call(self, call: Call, permit: Permit) -> Reply:
        """Make the call, record it, and return its reply if that is a success."""
        with permit as context:
            started_at, started = self._now(), boot_seconds()
            reply = read_reply(self._transport.send(call, context))
            self._record(call, reply, context, started_at, round((boot_seconds() - started) * 1000))
            failure = failure_of(call, reply, self._now())
            if failure is not None:
                raise failure
        return reply

    def _record(
        self, call: Call, reply: Reply, context: CallContext, started_at: datetime, milliseconds: int
    ) -> None:
        """Tell the log; what was said or done in the shop stands, whatever becomes of that."""
        try:
            context.record(exchange_of(call, reply.answer, (self._key,), started_at, milliseconds))
        except Exception as error:
            log.warning("exchange.unrecorded", error=type(error).__name__)


def shop_transport(base_url: str, key: Secret, **options: Any) -> Transport:
    """The way to a shop; a request without the version header is refused.

    https://www.ultracart.com/api/versioning.html
    """
    headers = {"x-ultracart-simple-key": key.reveal(), "X-UltraCart-Api-Version": API_VERSION}
    return Transport(base_url, headers, **{"pool_size": 4, "most_bytes": MOST_BYTES} | options)


def _path(collection: str, identifier: str) -> str:
    # These would address the collection itself, or something above it.
    if identifier.strip() in {"", ".", ".."}:
        raise DeliveryFailure(
            FailureClass.MAPPING, f"{identifier!r} is no id that UltraCart can be asked for"
        )
    return f"{collection}/{quote(identifier, safe='')}"


def _read(collection: str, identifier: str, *, expand: str) -> Call:
    return Call("GET", _path(collection, identifier), query={"_expand": expand} if expand else {})


def _list(path: str, offset: int, limit: int, **asked: str) -> Call:
    query: dict[str, str | int] = {"_limit": limit, "_offset": offset}
    return Call("GET", path, query=query | {name: value for name, value in asked.items() if value})

"""The webhook that the relay needs in a shop, and how a shop's own one differs; pure.

https://www.ultracart.com/api/#resource_webhook.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ultracart import expansions
from app.ultracart.client_answers import Page

# A delivery holds 10 events at least and 900 kB at most. https://www.ultracart.com/api/webhooks.html
MAXIMUM_EVENTS = 50
MAXIMUM_SIZE = 900_000
NAME = "ultracart-relay"

_ORDER = """order_create order_delete order_payment_process order_refund order_reject order_ship
    order_stage_change order_update"""
_AUTO_ORDER = """auto_order_cancel auto_order_create auto_order_decline auto_order_disable auto_order_rebill
    auto_order_update"""
# By category: the events, and what to expand. Affiliates: should the shop ever offer them.
WANTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "order": (tuple(_ORDER.split()), expansions.ORDER),
    "auto_order": (tuple(_AUTO_ORDER.split()), expansions.AUTO_ORDER),
    "customer": (("customer_create", "customer_update"), expansions.CUSTOMER),
    "item": (("item_create", "item_delete", "item_update"), expansions.ITEM),
    "chargeback": (("chargeback_create",), "order,order.payment,order.summary,order.billing"),
    "affiliate": (("affiliate_create", "affiliate_update"), ""),
}
# Without these a fact is not understood; the others only make the record richer.
NEEDED: Mapping[str, frozenset[str]] = {
    "order": frozenset({"billing", "item", "payment", "summary", "auto_order"}),
    "auto_order": frozenset({"original_order", "original_order.billing"}),
    "item": frozenset({"pricing"}),
}

Webhook = Mapping[str, Any]

# Where a merchant's deliveries come in, below the relay's public address; the merchant's id may follow.
PATH = "/webhooks/ultracart"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to register: the address, the credentials, and each event with its expansion."""

    url: str
    username: str
    password: str
    events: Mapping[str, Mapping[str, str]]


def wanted_events(catalogue: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The events that the relay understands among those that the shop offers, with what it may expand."""
    found: dict[str, dict[str, str]] = {}
    for category in catalogue:
        name = str(category.get("event_category"))
        events, expansion = WANTED.get(name, ((), ""))
        offered = {event.get("event_name") for event in _objects(category, "events")}
        known = _offered(expansion, category.get("available_expansions"))
        chosen = {event: known for event in events if event in offered}
        if chosen:
            found[name] = chosen
    return found


def all_webhooks(ask: Callable[[int], Page]) -> Iterator[Webhook]:
    """Every webhook of a shop; `ask` fetches the page at an offset. Raises what it raises."""
    offset, more = 0, True
    while more:
        page = ask(offset)
        yield from page.rows
        offset, more = page.next_offset, page.more


def count_of(webhook: Webhook, name: str) -> int:
    """A number that the shop tells of a webhook; 0 where it tells none."""
    found = webhook.get(name)
    return int(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0


def find_webhook(webhooks: Iterable[Webhook], url: str) -> Webhook | None:
    """The shop's webhook for this address; the first one if there are several."""
    return next((one for one in webhooks if _same(one.get("webhook_url"), url)), None)


def request_of(wanted: Wanted, known: Webhook | None) -> dict[str, Any]:
    """The webhook to send: what was there before stays, but for what the relay needs to be otherwise."""
    kept = dict(known or {"name": NAME})
    return {
        **kept,
        "webhook_url": wanted.url,
        "api_version": "2017-03-01",
        "authentication_type": "basic",
        "basic_username": wanted.username,
        "basic_password": wanted.password,
        "maximum_events": MAXIMUM_EVENTS,
        "maximum_size": MAXIMUM_SIZE,
        "compress_events": False,
        "disabled": False,
        "event_categories": _categories(wanted, kept),
    }


def differences(wanted: Wanted, known: Webhook | None) -> list[str]:
    """What `request_of` would change, in words; empty when everything is as it should be."""
    if known is None:
        events = sum(len(events) for events in wanted.events.values())
        return [f"there is no webhook for {wanted.url}: it would subscribe to {events} events"]
    return [*_settings(wanted, known), *_events(wanted, known)]


def lacking(known: Webhook) -> list[str]:
    """Events of a webhook whose expansion lacks what their facts need."""
    return [
        f"{event} lacks {', '.join(sorted(missing))}"
        for category, events in _subscribed(known).items()
        for event, expansion in events.items()
        if event in WANTED.get(category, ((), ""))[0]
        and (missing := NEEDED.get(category, frozenset()) - _names(expansion))
    ]


def _settings(wanted: Wanted, known: Webhook) -> Iterator[str]:
    shown = {
        "authentication_type": "basic",
        "basic_username": wanted.username,
        "maximum_events": MAXIMUM_EVENTS,
        "maximum_size": MAXIMUM_SIZE,
    }
    for name, value in shown.items():
        if known.get(name) != value:
            yield f"{name}: {known.get(name)!r} becomes {value!r}"
    # Where the shop does not tell the password, it cannot be compared.
    if known.get("basic_password") not in (None, "", wanted.password):
        yield "basic_password: another one becomes WEBHOOK_PASSWORD"
    for name in ("compress_events", "disabled"):
        if known.get(name):
            yield f"{name}: true becomes false"


def _events(wanted: Wanted, known: Webhook) -> Iterator[str]:
    subscribed = _subscribed(known)
    for category, events in wanted.events.items():
        for event, expansion in events.items():
            now = subscribed.get(category, {}).get(event)
            if now is None:
                yield f"{event}: subscribed"
            elif _names(expansion) - _names(now):
                yield f"{event}: expanded by {', '.join(sorted(_names(expansion) - _names(now)))}"


def _categories(wanted: Wanted, known: Webhook) -> list[dict[str, Any]]:
    before = {str(one.get("event_category")): one for one in _objects(known, "event_categories")}
    names = [*before, *(name for name in wanted.events if name not in before)]
    return [
        {
            **before.get(name, {}),
            "event_category": name,
            "events": _subscriptions(before.get(name, {}), wanted.events.get(name, {})),
        }
        for name in names
    ]


def _subscriptions(category: Mapping[str, Any], wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    before = {str(one.get("event_name")): one for one in _objects(category, "events")}
    events = [dict(one) for name, one in before.items() if name not in wanted]
    for name, expansion in wanted.items():
        known = before.get(name, {})
        # What somebody else asked for besides stays.
        both = dict.fromkeys([*expansion.split(","), *str(known.get("expansion") or "").split(",")])
        union = ",".join(part for part in both if part)
        events.append({**known, "event_name": name, "subscribed": True, "expansion": union})
    return events


def _subscribed(webhook: Webhook) -> dict[str, dict[str, str]]:
    """The expansion of each event that a webhook subscribes to, by category."""
    return {
        str(category.get("event_category")): {
            str(event.get("event_name")): str(event.get("expansion") or "")
            for event in _objects(category, "events")
            if event.get("subscribed") is not False
        }
        for category in _objects(webhook, "event_categories")
    }


def _offered(expansion: str, available: Any) -> str:
    """The expansions that the category knows; all of them where it does not say which it knows."""
    if not isinstance(available, list):
        return expansion
    return ",".join(name for name in expansion.split(",") if name in available)


def _objects(node: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = node.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _names(expansion: str) -> frozenset[str]:
    return frozenset(name.strip() for name in expansion.split(",") if name.strip())


def _same(url: Any, other: str) -> bool:
    return isinstance(url, str) and url.rstrip("/").casefold() == other.rstrip("/").casefold()

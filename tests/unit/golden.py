"""What an event's payload becomes, as JSON for the golden files: facts, and the plan of each of them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.errors import DeliveryFailure
from app.events import Event, Fact, Kind, Rule, Skipped, Unreadable
from app.relay.affiliates import plan_affiliate
from app.relay.auto_orders import plan_auto_order
from app.relay.bodies import contact_body, processmanual_body, product_body
from app.relay.customers import plan_customer
from app.relay.facts import facts
from app.relay.items import plan_item
from app.relay.order_statuses import plan_order_status
from app.relay.refunds import plan_refund
from app.relay.sales import SalePlan, plan_sale
from app.settings import Exclusions, MappingRules, OrderStatusRule
from app.ultracart.parse import parse_delivery, read_payload

LIVE_SINCE = datetime(2026, 3, 1, tzinfo=UTC)
RULES = MappingRules(
    products={"BOWL": "Dog Bowl"},
    order_tags=("Customer",),
    item_tags={"BONE": ("Bought a bone",), "LEASH": ("Bought a leash", "Customer")},
    channel_partner_codes=("THIIO",),
    affiliate_program_id="1",
    order_statuses={
        "shipped": OrderStatusRule("Shipped", True, "Last Order Status", "Tracking Numbers"),
        "rejected": OrderStatusRule(note=True, field="Last Order Status"),
    },
    exclude=Exclusions(
        emails=("*@marketplace.amazon.com",),
        themes=("WHSL", "wholesale.example.com"),
        tags=("Wholesale",),
        payment_methods=("purchase order",),
    ),
)
Planner = Callable[[str, Mapping[str, Any], MappingRules], Any]

# The sale's plan stands at the event itself, the others under their kind.
PLANNERS: Mapping[Kind, Planner] = {
    Kind.SALE: lambda name, payload, rules: plan_sale(name, payload, rules, LIVE_SINCE),
    Kind.REFUND: plan_refund,
    Kind.AUTO_ORDER_STATUS: plan_auto_order,
    Kind.AFFILIATE_SIGNUP: lambda name, payload, rules: plan_affiliate(payload, rules),
    Kind.CUSTOMER: lambda name, payload, rules: plan_customer(payload, rules),
    Kind.ORDER_STATUS: plan_order_status,
    Kind.ITEM: plan_item,
}


def told(body: bytes) -> list[dict[str, Any]]:
    """One entry for each event of a delivery."""
    return [_event(found) for found in parse_delivery(body, "DEMO")]


def _event(found: Event | Unreadable) -> dict[str, Any]:
    if isinstance(found, Unreadable):
        return {"unreadable": found.reason}
    known = facts(found, "ontraport:DEMO")
    plans = {fact.kind: _planned(found, fact.kind) for fact in known}
    sale = plans.pop(Kind.SALE, {})
    shown = {"event": found.name, "object": found.object_key, "facts": [_fact(fact) for fact in known]}
    return shown | sale | plans


def _fact(fact: Fact) -> dict[str, Any]:
    stamp = {"kind": fact.kind, "subject": fact.subject, "version": fact.version}
    if fact.rule is Rule.STATE:
        return stamp | {"content": fact.value}
    return stamp | {"amount": str(fact.amount), "currency": fact.currency, "value": fact.value}


def _planned(event: Event, kind: Kind) -> dict[str, Any]:
    try:
        plan = PLANNERS[kind](event.name, read_payload(event.raw), RULES)
    except DeliveryFailure as failure:
        return {"failure": failure.failure, "reason": failure.reason, "hint": failure.hint}
    if isinstance(plan, Skipped):
        return {"skipped": plan.reason}
    shown: dict[str, Any] = _sale(plan) if isinstance(plan, SalePlan) else _plain(asdict(plan))
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _sale(plan: SalePlan) -> dict[str, Any]:
    sale = processmanual_body(plan, "27", {line.item_id: f"id of {line.item_id}" for line in plan.lines})
    sale["offer"]["products"] = _short(sale["offer"]["products"])
    return {
        "customer": plan.contact.customer_id,
        "affiliate": plan.affiliate_id,
        "currency": plan.currency,
        "paid_at": plan.paid_at.isoformat(),
        "tags": plan.tags,
        "note": plan.note,
        "from_channel_partner": plan.from_channel_partner,
        "contact": contact_body(plan.contact),
        "products": _short([product_body(line) for line in plan.lines]),
        "sale": sale,
    }


def _short(bodies: list[dict[str, Any]]) -> list[Any]:
    return bodies if len(bodies) <= 10 else [*bodies[:5], f"and {len(bodies) - 5} more"]

"""Every payload file against its golden file: what each event means and the exact bodies for ONTRAPORT.

`UPDATE_GOLDEN=1 pytest tests/unit/test_sales_golden.py` writes them anew; review the difference.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.errors import DeliveryFailure
from app.events import Event, Fact, Skipped, Unreadable
from app.relay.bodies import contact_body, processmanual_body, product_body
from app.relay.facts import facts
from app.relay.sales import SalePlan, plan_sale
from app.settings import MappingRules
from app.ultracart.catalogue import EVENT_NAMES
from app.ultracart.parse import parse_delivery, raw_json, read_payload
from tests.unit import payloads

GOLDEN = Path(__file__).parent.parent / "golden"
LIVE_SINCE = datetime(2026, 3, 1, tzinfo=UTC)
RULES = MappingRules(
    products={"BOWL": "Dog Bowl"},
    order_tags=("Customer",),
    item_tags={"BONE": ("Bought a bone",), "LEASH": ("Bought a leash", "Customer")},
    channel_partner_codes=("THIIO",),
)


@pytest.mark.parametrize("name", payloads.names())
def test_golden(name: str) -> None:
    made = json.dumps(told(payloads.body(name)), indent=1, ensure_ascii=False) + "\n"
    golden = (GOLDEN / name).with_suffix(".json")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(made)
    assert made == golden.read_text()


def test_every_golden_file_has_its_payload() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {Path(name).stem for name in payloads.names()}


def test_every_payload_is_named_after_a_kind_of_event() -> None:
    assert {name.split("__")[0] for name in payloads.names()} <= EVENT_NAMES | {"delivery"}


def told(body: bytes) -> list[dict[str, Any]]:
    return [_event(found) for found in parse_delivery(body, "DEMO")]


def _event(found: Event | Unreadable) -> dict[str, Any]:
    if isinstance(found, Unreadable):
        return {"unreadable": found.reason}
    known = {"event": found.name, "object": found.object_key}
    sales = facts(found, "ontraport:DEMO")
    return known | {"facts": [_fact(fact) for fact in sales]} | (_sale(found) if sales else {})


def _fact(fact: Fact) -> dict[str, Any]:
    stamp = {"version": fact.version, "amount": str(fact.amount), "currency": fact.currency}
    return {"kind": fact.kind, "subject": fact.subject} | stamp


def _sale(event: Event) -> dict[str, Any]:
    try:
        plan = plan_sale(event.name, read_payload(raw_json(event)), RULES, LIVE_SINCE)
    except DeliveryFailure as failure:
        return {"failure": failure.failure, "reason": failure.reason, "hint": failure.hint}
    if isinstance(plan, Skipped):
        return {"skipped": plan.reason}
    return _plan(plan)


def _plan(plan: SalePlan) -> dict[str, Any]:
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

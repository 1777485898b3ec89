"""Sample deliveries in sandbox mode, and what ONTRAPORT holds of each; for app.cli.welcome only.

Posting them again is harmless: that is what they show at every start after the first.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from app.cli.delivery import choose_merchant, local_session, post_delivery
from app.cli.sample_facts import SAMPLES, Posted, Told, load_samples, told_by
from app.cli.sample_shop import fill_shop, poll_shop
from app.cli.supervisor.claims import LOOPBACK
from app.errors import RelayError
from app.events import ON_ITS_WAY, Kind, State
from app.services import Services, build_services
from app.settings import Settings
from app.store.ledger import Ledger

SETTLE_SECONDS = 60.0
PARTIAL = "Last Refund Amount"

Row = Mapping[str, Any]


def post_samples(settings: Settings) -> str:
    """Post all samples, poll the sandbox's shop, await the end of all, and tell what ONTRAPORT holds."""
    merchant = choose_merchant(settings, "")
    fill_shop(settings, merchant)
    posted = [
        Posted(name, body, post_delivery(settings, merchant, body))
        for name, body in load_samples(merchant.id).items()
    ]
    try:
        services = build_services(settings)
        poll_shop(services, merchant)
        told = told_by(posted, merchant)
        states = _await(services, told)
    except RelayError as error:
        return f"\nSample deliveries were posted, but the store does not answer: {error}\n"
    return report(told, states, _ledger(settings), settings)


def _await(services: Services, told: Sequence[Told]) -> list[tuple[str, str]]:
    """State and reason of each fact's transmission, once none is on its way or the time is over."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        states = [_state(services.ledger, one) for one in told]
        if not any(state in ON_ITS_WAY for state, _ in states) or time.monotonic() > deadline:
            return states
        time.sleep(0.3)


def _state(ledger: Ledger, told: Told) -> tuple[str, str]:
    last = ledger.read(Ledger.row(told.fact.account, told.fact.subject)).get(f"f:{told.fact.kind}", "")
    found = ledger.read(f"t:{last}") if last else {}
    return found.get("st", ""), found.get("r", "")


def _ledger(settings: Settings) -> Row:
    """What stands in the sandbox; nothing while it does not answer."""
    try:
        with local_session() as session:
            found: Row = session.get(f"http://{LOOPBACK}:{settings.sandbox_port}/ledger", timeout=5).json()
    except (requests.RequestException, ValueError):
        return {}
    return found


def report(told: Sequence[Told], states: Sequence[tuple[str, str]], ledger: Row, settings: Settings) -> str:
    """A table: the event, its kind, what ONTRAPORT holds of it now."""
    rows = [("Event", "Kind", "What ONTRAPORT now holds")]
    for one, state in zip(told, states, strict=True):
        event = f"{one.event} {one.object_key}"
        rows.append((event, str(one.fact.kind), _outcome(one, state, ledger)))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    table = [f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}" for row in rows]
    root = f"http://{LOOPBACK}"
    return "\n".join(
        [
            "",
            "Sample deliveries were posted, and the shop was polled. What became of each:",
            "",
            *(f"  {line}" for line in table),
            "",
            f"  Look at them: {root}:{settings.sandbox_port}/ and {root}:{settings.flower_port}/tasks",
            f"  Post one again: relay send {_shown(SAMPLES / '1-new-customer.json')}",
            "",
        ]
    )


def _outcome(told: Told, state: tuple[str, str], ledger: Row) -> str:
    word, reason = state
    if not told.taken:
        return "nothing: it was not taken"
    if word in ON_ITS_WAY or not word:
        return f"nothing yet after {SETTLE_SECONDS:.0f} s: see the log"
    if word != State.DELIVERED:
        return f"nothing ({word}): {reason}"
    forgotten = "known from an earlier start: the sandbox forgets, the relay does not"
    return HOLDS[told.fact.kind](told, ledger) or forgotten


def _sale(told: Told, ledger: Row) -> str:
    sales = [row for row in ledger.get("transactions", ()) if row["external_order_id"] == told.object_key]
    return " and ".join(f"sale of {row['total']} for {mask(row['email'])}" for row in sales)


def _refund(told: Told, ledger: Row) -> str:
    sales = [row for row in ledger.get("transactions", ()) if row["external_order_id"] == told.object_key]
    fields, tags = _contact(told.email, ledger)
    if any(row["refunds"] for row in sales):
        return f"the sale of {sales[0]['total']} marked refunded"
    if fields.get("Last Refund Order") != told.object_key:
        return ""
    return f"{fields.get(PARTIAL)} refunded, told at {mask(told.email)}: note, tag {', '.join(tags)}"


def _field(name: str) -> Callable[[Told, Row], str]:
    def holds(told: Told, ledger: Row) -> str:
        value = _contact(told.email, ledger)[0].get(name)
        return f"{name}: {value}, at {mask(told.email)}" if value else ""

    return holds


def _affiliate(told: Told, ledger: Row) -> str:
    fields, _ = _contact(told.email, ledger)
    names = [name for name in ("AffiliateId", "Affiliate Approved") if fields.get(name)]
    return f"{', '.join(f'{name} {fields[name]}' for name in names)}, at {mask(told.email)}" if names else ""


def _customer(told: Told, ledger: Row) -> str:
    fields, _ = _contact(told.email, ledger)
    place = ", ".join(str(fields[name]) for name in ("city", "state", "country") if fields.get(name))
    return f"contact {mask(told.email)} in {place}" if place else ""


def _order_status(told: Told, ledger: Row) -> str:
    _, tags = _contact(told.email, ledger)
    return f"tags {', '.join(tags)}, at {mask(told.email)}" if tags else ""


def _item(told: Told, ledger: Row) -> str:
    products = [row for row in ledger.get("products", ()) if row["external_id"] == told.object_key]
    return " and ".join(f"product {row['name']} ({row['description']}) at {row['price']}" for row in products)


HOLDS: Mapping[Kind, Callable[[Told, Row], str]] = {
    Kind.SALE: _sale,
    Kind.REFUND: _refund,
    Kind.AUTO_ORDER_STATUS: _field("Auto Order Status"),
    Kind.AFFILIATE_SIGNUP: _affiliate,
    Kind.CUSTOMER: _customer,
    Kind.ORDER_STATUS: _order_status,
    Kind.ITEM: _item,
}


def _contact(email: str, ledger: Row) -> tuple[Row, Sequence[str]]:
    """The contact's fields by the names that people see, and its tags; empty when there is none."""
    names: Mapping[str, str] = ledger.get("custom_fields", {})
    for row in ledger.get("contacts", ()):
        if row["email"].lower() == email:
            return {names.get(name, name): value for name, value in row["fields"].items()}, row["tags"]
    return {}, ()


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def mask(email: str) -> str:
    """An address that can be recognised, but not read."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}***{at}{domain}"

"""Sample deliveries in sandbox mode, and what became of each; for app.cli.welcome only.

Posting them again is harmless: that is what they show at every start after the first.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from app.cli.delivery import Answer, choose_merchant, local_session, post_delivery
from app.cli.supervisor.claims import LOOPBACK
from app.settings import Settings

SAMPLES = Path(__file__).with_name("samples")
SETTLE_SECONDS = 15.0
_SAMPLE_MERCHANT = "DEMO"


@dataclass(frozen=True, slots=True)
class Sample:
    """One delivery about one order; a test order makes no sale."""

    name: str
    body: bytes
    order_id: str
    test_order: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """A sample and the receiver's answer."""

    sample: Sample
    answer: Answer

    @property
    def new(self) -> bool:
        """Whether the relay had not heard of it before."""
        return isinstance(self.answer.body, Mapping) and bool(self.answer.body.get("accepted"))


def load_samples(merchant_id: str) -> list[Sample]:
    """The samples in the order of their names, told of the orders of `merchant_id`."""
    return [_load(file, merchant_id) for file in sorted(SAMPLES.glob("*.json"))]


def _load(file: Path, merchant_id: str) -> Sample:
    text = file.read_text("utf-8").replace(f'"{_SAMPLE_MERCHANT}', f'"{merchant_id}')
    document = json.loads(text)
    events = document["events"] if isinstance(document, dict) else document
    order = next(iter(events[0].values()))
    name = file.stem[2:].replace("-", " ")
    return Sample(name, text.encode(), order["order_id"], order["payment"]["test_order"])


def post_samples(settings: Settings) -> str:
    """Post all samples, wait until their sales stand in the sandbox's ledger, and tell of each."""
    merchant = choose_merchant(settings, "")
    posted = [
        Posted(sample, post_delivery(settings, merchant, sample.body)) for sample in load_samples(merchant.id)
    ]
    expected = {one.sample.order_id for one in posted if one.new and not one.sample.test_order}
    sales = _await_sales(settings, expected)
    return report(posted, sales, settings)


def _await_sales(settings: Settings, expected: set[str]) -> dict[str, list[Mapping[str, Any]]]:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not expected <= set(sales := _sales(settings)) and time.monotonic() < deadline:
        time.sleep(0.3)
    return sales


def _sales(settings: Settings) -> dict[str, list[Mapping[str, Any]]]:
    """The sandbox's sales by order id; empty while it does not answer."""
    try:
        with local_session() as session:
            ledger = session.get(f"http://{LOOPBACK}:{settings.sandbox_port}/ledger", timeout=5).json()
    except (requests.RequestException, ValueError):
        return {}
    by_order: dict[str, list[Mapping[str, Any]]] = {}
    for sale in ledger.get("transactions", ()):
        by_order.setdefault(str(sale.get("external_order_id", "")), []).append(sale)
    return by_order


def report(
    posted: Sequence[Posted], sales: Mapping[str, Sequence[Mapping[str, Any]]], settings: Settings
) -> str:
    """A table: the order, the receiver's answer, what the ledger holds."""
    rows = [("Order", "What it is", "The receiver's answer", "The sandbox's ledger")]
    for one in posted:
        outcome = _outcome(one, sales.get(one.sample.order_id, ()))
        rows.append((one.sample.order_id, one.sample.name, one.answer.words, outcome))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    root = f"http://{LOOPBACK}"
    return "\n".join(
        [
            "",
            "Sample deliveries were posted. What became of each:",
            "",
            *(f"  {line}" for line in table),
            "",
            f"  Look at them: {root}:{settings.sandbox_port}/ledger and {root}:{settings.flower_port}/tasks",
            f"  Post your own: relay send {_shown(SAMPLES / '1-new-customer.json')}",
            "",
        ]
    )


def _outcome(one: Posted, sales: Sequence[Mapping[str, Any]]) -> str:
    if sales:
        told = [f"sale of {sale['total']} for {mask(str(sale.get('email', '')))}" for sale in sales]
        return " and ".join(told)
    if one.sample.test_order:
        return "no sale: it is a test order"
    if one.answer.status != 200:
        return "nothing: it was not taken"
    if one.new:
        return f"nothing yet after {SETTLE_SECONDS:.0f} s: see the log"
    return "no second sale: known from an earlier start (the sandbox forgets, the relay does not)"


def mask(email: str) -> str:
    """An address that can be recognised, but not read."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}***{at}{domain}"


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)

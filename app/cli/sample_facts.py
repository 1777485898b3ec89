"""The sample deliveries of sandbox mode, and what their events and the polled rows mean; for app.cli only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.delivery import Answer
from app.cli.sample_shop import rows
from app.events import Event, Fact, Rule
from app.relay.facts import facts
from app.settings import Merchant
from app.ultracart.parse import parse_delivery
from app.ultracart.polled import polled_event

SAMPLES = Path(__file__).with_name("samples")
POLLED: Mapping[str, str] = {"items": "item_update", "affiliates": "affiliate_update"}
_SAMPLE_MERCHANT = "DEMO"


@dataclass(frozen=True, slots=True)
class Posted:
    """A sample delivery and the receiver's answer."""

    name: str
    body: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Told:
    """One fact of the samples. `event` is its name, or how it was polled; `taken`: the relay has it."""

    event: str
    object_key: str
    fact: Fact
    email: str
    taken: bool


def load_samples(merchant_id: str) -> dict[str, bytes]:
    """The bodies by what they are about, in the order of their file names, told of `merchant_id`."""
    return {
        file.stem[2:].replace("-", " "): file.read_text("utf-8")
        .replace(f'"{_SAMPLE_MERCHANT}', f'"{merchant_id}')
        .encode()
        for file in sorted(SAMPLES.glob("*.json"))
    }


def told_by(posted: Iterable[Posted], merchant: Merchant) -> list[Told]:
    """Every fact once: a sale by the first event that told of it, what changes by the last one."""
    found: dict[tuple[str, str], Told] = {}
    for one in [*_posted(posted, merchant), *_polled(merchant)]:
        name = (one.fact.kind, one.fact.subject)
        if name not in found or one.fact.rule is not Rule.ONCE:
            found[name] = one
    return list(found.values())


def _posted(posted: Iterable[Posted], merchant: Merchant) -> Iterator[Told]:
    for one in posted:
        for event in parse_delivery(one.body, merchant.id):
            if isinstance(event, Event):
                yield from _told(event.name, event, merchant, taken=one.answer.status == 200)


def _polled(merchant: Merchant) -> Iterator[Told]:
    for collection, group in rows(merchant.id).items():
        for row in group:
            event = polled_event(POLLED[collection], row, merchant.id)
            if isinstance(event, Event):
                yield from _told("polled", event, merchant, taken=True)


def _told(name: str, event: Event, merchant: Merchant, *, taken: bool) -> Iterator[Told]:
    for fact in facts(event, merchant.account):
        key = fact.subject.partition(":")[2]
        yield Told(name, key, fact, _email(event.payload), taken)


def _email(payload: Mapping[str, Any]) -> str:
    """Whose contact the fact is about, as the sandbox shows it."""
    order = payload.get("original_order") or payload
    found = (order.get("billing") or {}).get("email") if isinstance(order.get("billing"), Mapping) else ""
    return str(found or payload.get("email") or "").lower()

"""One order of the shop against what the ledger knows of it; pure, for app.store and app.delivery."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.errors import DeliveryFailure
from app.events import ON_ITS_WAY, Fact, Kind, Skipped
from app.relay.refunds import plan_refund
from app.relay.sales import plan_sale
from app.settings import MappingRules
from app.ultracart.dates import read_stamp

# What a refund comes from has no event's name here: it is fetched, and tells by its amounts.
FETCHED = "order_update"
CHANGED = "what the shop tells now was never told to the relay"


class Verdict(StrEnum):
    """How an order's sale or refund stands. SAME is complete, SKIPPED is not to be there at all."""

    SAME = "same"
    MISSING = "missing"
    WAITING = "waiting"
    DEAD = "dead"
    DIFFERS = "differs"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Told:
    """The last transmission of a fact; `state` is empty when its record has expired."""

    id: str
    state: str = ""
    reason: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """The ledger's row of an order, and its last transmissions by kind."""

    row: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[Kind, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A sale or refund of one order: the shop's amount, the ledger's, and what that means.

    `listed_by` is the date of the shop under which it is counted, `at` that date (aware UTC); amounts are in
    the shop's base currency (`currency` is empty where the order tells only the customer's). `admit`: the
    relay has to be told. `transmission` is the one that waits or is dead.
    """

    order_id: str
    kind: Kind
    verdict: Verdict
    shop: Decimal
    relay: Decimal
    currency: str
    listed_by: str
    at: datetime | None
    why: str = ""
    transmission: str = ""
    admit: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What is sold at all. `again`: what was skipped is judged anew by these terms, as a backfill does."""

    rules: MappingRules
    live_since: datetime | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: Verdict
    why: str = ""
    admit: bool = False


def compare(
    order: Mapping[str, Any], facts: Sequence[Fact], known: KnownOrder, terms: Terms
) -> Iterator[Finding]:
    """What there is to say of an order's sale and refund; nothing of one that nobody paid."""
    for fact in facts:
        if fact.kind is Kind.SALE:
            yield _sale(order, fact, known, terms)
        elif fact.kind is Kind.REFUND:
            yield from _refund(order, fact, known, terms)


def percent(part: int, whole: int) -> float:
    """Of nothing everything is there; 100 only where nothing is missing."""
    if part == whole:
        return 100.0
    return min(round(100 * part / whole, 2), 99.99) if whole else 0.0


def _sale(order: Mapping[str, Any], fact: Fact, known: KnownOrder, terms: Terms) -> Finding:
    told, logged = known.told.get(Kind.SALE), known.row.get("x:sale")
    theirs = Decimal(known.row.get("x:total") or fact.amount) if logged else Decimal(0)
    if logged:
        news = known.row.get("w:sale") != fact.value
        judged = _Judged(Verdict.SAME) if theirs == fact.amount else _Judged(Verdict.DIFFERS, admit=news)
    else:
        judged = _judge(told, fact, _no_sale(order, terms), terms)
    return _finding(order, fact, judged, fact.amount, theirs, told)


def _no_sale(order: Mapping[str, Any], terms: Terms) -> str:
    """Why this is no sale; empty when it is one, or when only the worker can say what is wrong with it."""
    try:
        plan = plan_sale(FETCHED, order, terms.rules, terms.live_since)
    except DeliveryFailure:
        return ""
    return plan.reason if isinstance(plan, Skipped) else ""


def _refund(order: Mapping[str, Any], fact: Fact, known: KnownOrder, terms: Terms) -> Iterator[Finding]:
    told, theirs = known.told.get(Kind.REFUND), Decimal(known.row.get("x:refunded") or 0)
    shop, reason = fact.amount, ""
    try:
        plan = plan_refund(FETCHED, order, terms.rules)
    except DeliveryFailure:
        plan = None
    if isinstance(plan, Skipped):
        reason = plan.reason
    elif plan is not None:
        shop = plan.refunded
    if shop == theirs:
        if shop:
            yield _finding(order, fact, _Judged(Verdict.SAME), shop, theirs, told)
        return
    judged = _judge(told, fact, reason, terms)
    if judged.verdict in (Verdict.MISSING, Verdict.SAME) and theirs:
        judged = _Judged(Verdict.DIFFERS, admit=known.row.get("w:refund") != fact.value)
    yield _finding(order, fact, judged, shop, theirs, told)


def _judge(told: Told | None, fact: Fact, reason: str, terms: Terms) -> _Judged:
    """What is not done yet: how its last transmission stands, or why there is to be none."""
    if told is None:
        return _Judged(Verdict.SKIPPED, reason) if reason else _Judged(Verdict.MISSING, admit=True)
    if told.state in ON_ITS_WAY:
        return _Judged(Verdict.WAITING)
    if told.state == "dead":
        return _Judged(Verdict.DEAD, told.reason)
    if told.state in ("delivered", "done by hand"):
        return _Judged(Verdict.SAME, "" if told.state == "delivered" else told.state)
    fresher = fact.version > told.version or terms.again
    if told.state == "skipped" and fresher and not reason:
        return _Judged(Verdict.MISSING, CHANGED, admit=True)
    return _Judged(Verdict.SKIPPED, told.reason or reason or told.state or "settled long ago")


def _finding(
    order: Mapping[str, Any], fact: Fact, judged: _Judged, shop: Decimal, relay: Decimal, told: Told | None
) -> Finding:
    listed_by, at = _place(order, fact.kind)
    if judged.verdict is Verdict.SAME:
        relay = shop
    return Finding(
        order_id=str(order.get("order_id", "")),
        kind=fact.kind,
        verdict=judged.verdict,
        shop=shop,
        relay=relay,
        currency=fact.currency,
        listed_by=listed_by,
        at=at,
        why=judged.why,
        transmission=told.id if told and judged.verdict in (Verdict.DEAD, Verdict.WAITING) else "",
        admit=judged.admit,
    )


def _place(order: Mapping[str, Any], kind: Kind) -> tuple[str, datetime | None]:
    """Under which of its dates it is counted: a refund by its own, a sale by its payment."""
    payment = order.get("payment")
    paid = payment.get("payment_dts") if isinstance(payment, dict) else None
    stamps = {"payment": paid, "creation": order.get("creation_dts")}
    if kind is Kind.REFUND:
        stamps = {"refund": order.get("refund_dts")} | stamps
    for name, stamp in stamps.items():
        if found := _moment(stamp):
            return name, found
    return "creation", None


def _moment(stamp: object) -> datetime | None:
    try:
        return read_stamp(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None

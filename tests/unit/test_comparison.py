"""One order of the shop against the ledger: the verdict on its sale and its refund, and what is admitted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.events import Event, Kind
from app.relay.comparison import FETCHED, Finding, KnownOrder, Terms, Told, Verdict, compare
from app.relay.facts import facts
from app.settings import Exclusions, MappingRules
from app.ultracart.polled import polled_event
from tests.integration.orders import Order, money

PAID_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TERMS = Terms(MappingRules(), PAID_AT - timedelta(days=1))
NOTHING = KnownOrder()
LOGGED = {"x:sale": "42", "x:total": "10.00", "w:sale": "1000", "f:sale": "t"}


def order(refunded: float = 0.0, **more: Any) -> dict[str, Any]:
    payload = Order(price=1000, paid_at=PAID_AT).payload() | more
    if refunded:
        payload["summary"]["total_refunded"] = money(refunded)
        payload["refund_dts"] = (PAID_AT + timedelta(days=2)).isoformat()
    return payload


def findings(
    payload: dict[str, Any], known: KnownOrder = NOTHING, terms: Terms = TERMS
) -> dict[Kind, Finding]:
    event = polled_event(FETCHED, payload, "DEMO")
    assert isinstance(event, Event)
    return {one.kind: one for one in compare(payload, facts(event, "ontraport:DEMO"), known, terms)}


def sale(payload: dict[str, Any], known: KnownOrder = NOTHING, terms: Terms = TERMS) -> tuple[Verdict, bool]:
    found = findings(payload, known, terms)[Kind.SALE]
    return found.verdict, found.admit


def refund(payload: dict[str, Any], known: KnownOrder) -> tuple[Verdict, bool]:
    found = findings(payload, known)[Kind.REFUND]
    return found.verdict, found.admit


def told(kind: Kind = Kind.SALE, row: dict[str, str] | None = None, **told: Any) -> KnownOrder:
    return KnownOrder(row or {}, {kind: Told("t", **told)})


def test_what_nobody_told_of_is_missing_and_admitted():
    assert sale(order()) == (Verdict.MISSING, True)


def test_what_is_logged_with_its_total_is_complete():
    found = findings(order(), KnownOrder(LOGGED))[Kind.SALE]
    assert (found.verdict, found.shop, found.relay, found.admit) == (
        Verdict.SAME,
        Decimal("10.00"),
        Decimal("10.00"),
        False,
    )


@pytest.mark.parametrize(("last_told", "admitted"), [("1000", False), ("900", True)])
def test_another_total_is_admitted_only_if_the_relay_was_not_told_of_it(last_told: str, admitted: bool):
    row = LOGGED | {"x:total": "9.00", "w:sale": last_told}
    assert sale(order(), KnownOrder(row)) == (Verdict.DIFFERS, admitted)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        *((state, Verdict.WAITING) for state in ("ready", "held", "running", "retrying")),
        ("dead", Verdict.DEAD),
        ("done by hand", Verdict.SAME),
        ("discarded", Verdict.SKIPPED),
        ("", Verdict.SKIPPED),
    ],
)
def test_what_was_told_of_is_not_admitted_again(state: str, verdict: Verdict):
    version = findings_version()
    assert sale(order(), told(state=state, version=version)) == (verdict, False)


def findings_version() -> int:
    event = polled_event(FETCHED, order(), "DEMO")
    assert isinstance(event, Event)
    return facts(event, "a")[0].version


def test_a_dead_letter_is_named():
    found = findings(order(), told(state="dead", reason="no e-mail"))[Kind.SALE]
    assert (found.transmission, found.why) == ("t", "no e-mail")


def test_what_was_skipped_keeps_its_reason_until_the_shop_tells_something_newer():
    version = findings_version()
    found = findings(order(), told(state="skipped", reason="sold by pixel", version=version))[Kind.SALE]
    assert (found.verdict, found.why) == (Verdict.SKIPPED, "sold by pixel")
    assert sale(order(), told(state="skipped", version=version - 1)) == (Verdict.MISSING, True)


def test_a_backfill_judges_what_was_skipped_anew():
    known = told(state="skipped", reason="before the relay was switched on", version=findings_version())
    history = Terms(MappingRules(), None, again=True)
    assert sale(order(), known, history) == (Verdict.MISSING, True)
    excluding = replace(history, rules=MappingRules(exclude=Exclusions(emails=("*@example.com",))))
    assert sale(order(), known, excluding) == (Verdict.SKIPPED, False)


def paid_before() -> dict[str, Any]:
    return Order(price=1000, paid_at=PAID_AT - timedelta(days=2)).payload()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (order() | {"payment": order()["payment"] | {"test_order": True}}, "test order"),
        (order() | {"summary": {"total": money(0.0)}}, "total is 0.00"),
        (paid_before(), "before the relay was switched on"),
    ],
)
def test_what_is_no_sale_is_skipped_with_its_reason(payload: dict[str, Any], reason: str):
    found = findings(payload)[Kind.SALE]
    assert (found.verdict, found.admit) == (Verdict.SKIPPED, False)
    assert reason in found.why


def test_an_unpaid_order_is_no_finding():
    unpaid = order() | {"payment": {"payment_status": "Unprocessed"}}
    assert findings(unpaid) == {}


def test_an_order_that_only_the_worker_can_judge_is_admitted():
    nobody = order()
    nobody["billing"]["email"] = None
    assert sale(nobody) == (Verdict.MISSING, True)


def test_a_refund_that_nobody_told_of_is_admitted():
    assert refund(order(4.0), KnownOrder(LOGGED)) == (Verdict.MISSING, True)


def test_a_refund_is_complete_when_all_of_it_was_sent():
    row = LOGGED | {"x:refunded": "4.00", "w:refund": "400"}
    assert refund(order(4.0), KnownOrder(row)) == (Verdict.SAME, False)


@pytest.mark.parametrize(("last_told", "admitted"), [("400", True), ("600", False)])
def test_a_refund_of_more_than_was_sent_differs(last_told: str, admitted: bool):
    row = LOGGED | {"x:refunded": "4.00", "w:refund": last_told}
    known = KnownOrder(row, {Kind.REFUND: Told("t", "delivered")})
    assert refund(order(6.0), known) == (Verdict.DIFFERS, admitted)


@pytest.mark.parametrize(("state", "verdict"), [("dead", Verdict.DEAD), ("ready", Verdict.WAITING)])
def test_a_refund_on_its_way_or_dead(state: str, verdict: Verdict):
    known = told(Kind.REFUND, row=dict(LOGGED), state=state)
    assert refund(order(4.0), known) == (verdict, False)


def test_a_sale_is_counted_on_the_day_of_its_payment_and_a_refund_on_its_own():
    found = findings(order(4.0), KnownOrder(LOGGED))
    assert (found[Kind.SALE].listed_by, found[Kind.SALE].at) == ("payment", PAID_AT)
    assert (found[Kind.REFUND].listed_by, found[Kind.REFUND].at) == ("refund", PAID_AT + timedelta(days=2))
    undated = order() | {"payment": {"payment_status": "Processed"}}
    assert findings(undated)[Kind.SALE].listed_by == "creation"

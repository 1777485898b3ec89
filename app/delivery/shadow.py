"""The relay beside another integration: what it would have sent, against what ONTRAPORT holds. Reads only."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.delivery.attempt import Call
from app.delivery.shop_orders import Place, Span, first_place, step
from app.errors import DeliveryFailure
from app.events import Kind, Skipped
from app.ontraport.schemas import LoggedTransaction
from app.relay.comparison import Finding, Verdict
from app.relay.sales import SalePlan, plan_sale
from app.services import Services
from app.settings import Merchant
from app.ultracart.client_answers import Page

CALL_SECONDS = 75.0
SAME_SALE_WITHIN = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One order: our total and theirs. `verdict`: same, missing, differs, skipped, unclear."""

    order_id: str
    verdict: str
    ours: Decimal | None = None
    theirs: Decimal | None = None
    invoice: str = ""
    why: str = ""


class Shadow:
    """Compares the orders of a merchant; its requests are taken from the account's budget."""

    def __init__(
        self, services: Services, merchant: Merchant, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._services = services
        self._merchant = merchant
        self._client = services.ontraport[merchant.account]
        self._sleep = sleep

    def orders(self, since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
        """The shop's orders that were paid in the span. Raises DeliveryFailure, Postponed."""
        span, seen = Span(since, until), set[str]()
        place: Place | None = first_place(span)
        while place:
            read = step(self._page, span, place, ("payment",))
            fresh = {str(row.get("order_id")): row for row in read.rows}
            yield from (row for order_id, row in fresh.items() if order_id not in seen)
            # Both ends of a slice count: an order may be in the next one again.
            seen, place = set(fresh) or seen, read.after

    def _page(self, criteria: Mapping[str, str], offset: int) -> Page:
        shop, budget = self._services.shops[self._merchant.id], self._services.shop_budget
        return shop.orders_page(criteria, budget.permit(self._merchant.id), offset=offset)

    def compare(self, order: Mapping[str, Any]) -> Comparison:
        """One order against ONTRAPORT, by one or two reads."""
        order_id = str(order.get("order_id", ""))
        try:
            plan = plan_sale("order_payment_process", order, self._merchant.rules, None)
            if isinstance(plan, Skipped):
                return Comparison(order_id, "skipped", why=plan.reason)
            return self._look(plan)
        except DeliveryFailure as failure:
            return Comparison(order_id, "unclear", why=failure.reason)

    def check(self, order: Mapping[str, Any], finding: Finding) -> Finding:
        """A sale that the ledger takes for delivered, as ONTRAPORT itself has it."""
        if finding.kind is not Kind.SALE or finding.verdict is not Verdict.SAME:
            return finding
        there = self.compare(order)
        if there.verdict in ("same", "skipped"):
            return finding
        why = f"in ONTRAPORT it is {there.verdict}: {there.why or f'total {there.theirs}'}"
        return replace(finding, verdict=Verdict.DIFFERS, relay=there.theirs or Decimal(0), why=why)

    def _look(self, plan: SalePlan) -> Comparison:
        contact = self._client.find_contact(plan.contact.email, self._permit())
        if contact is None:
            return Comparison(plan.order_id, "missing", plan.total, why="no such contact")
        rows = list(self._client.transactions(contact, self._permit))
        named = [row for row in rows if row.external_order_id == plan.order_id]
        alike = [row for row in rows if row.total == plan.total and _near(row, plan)]
        found = next(iter([*named, *alike]), None)
        if found is None:
            return Comparison(plan.order_id, "missing", plan.total, why="no such sale at the contact")
        verdict = "same" if found.total == plan.total else "differs"
        return Comparison(plan.order_id, verdict, plan.total, found.total, found.id)

    def _permit(self) -> Call:
        rate = self._merchant.ontraport.rate_per_minute
        self._sleep(self._services.budget.book(self._services.scripts, self._merchant.account, 60_000 / rate))
        return Call.unrecorded(CALL_SECONDS)


def _near(row: LoggedTransaction, plan: SalePlan) -> bool:
    return row.date is not None and abs(row.date - plan.paid_at) <= SAME_SALE_WITHIN

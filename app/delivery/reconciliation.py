"""A shop's orders against the ledger: what was missed is admitted as backfill, and everything is counted.

A `Job` is one comparison of one span; it lies in the store between its steps, so that it can be gone on with.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.delivery.missed import compared
from app.delivery.shop_orders import Place, Row, Span, Step, first_place, progress
from app.events import Arrival
from app.relay.comparison import Finding, Terms, Verdict, percent
from app.services import Services
from app.settings import Merchant

# A look of one's own at a finding: what the CRM itself holds.
Look = Callable[[Row, Finding], Finding]


@dataclass
class Tally:
    """The sales or refunds of one day (UTC) in one currency: all that count, those that are complete.

    Amounts in cents; `skipped` ones are in none of the sums.
    """

    day: str
    currency: str
    kind: str
    shop: int = 0
    shop_cents: int = 0
    relay: int = 0
    relay_cents: int = 0
    skipped: int = 0

    def add(self, finding: Finding) -> None:
        """Counts one more."""
        if finding.verdict is Verdict.SKIPPED:
            self.skipped += 1
            return
        self.shop += 1
        self.shop_cents += _cents(finding.shop)
        self.relay += finding.verdict is Verdict.SAME
        self.relay_cents += _cents(finding.relay)


@dataclass
class Job:
    """One comparison. `place` is None when it has read all; `history`: what was paid before LIVE_SINCE too.

    `id` makes what it admits its own: fetched again by another job, it is looked at again. `unrepaired` are
    the differences that nobody is going to mend, `kept_at` is when it last went on.
    """

    id: str
    name: str
    span: Span
    place: Place | None
    history: bool = False
    orders: int = 0
    admitted: int = 0
    unreadable: int = 0
    differences: int = 0
    unrepaired: int = 0
    kept_at: str = ""
    ended_at: str = ""
    days: dict[str, Tally] = field(default_factory=dict)

    @classmethod
    def begin(cls, name: str, span: Span, now: datetime, *, history: bool = False) -> "Job":
        """A new one; nothing is read yet."""
        place = first_place(span) if span.seconds > 0 else None
        return cls(now.isoformat(), name, span, place, history, kept_at=now.isoformat())

    @property
    def completeness(self) -> float:
        """How much of what counts is in the ledger with the shop's amount, in %."""
        days = self.days.values()
        return percent(sum(one.relay for one in days), sum(one.shop for one in days))

    def written(self) -> dict[str, Any]:
        """As it is kept, with what app.store.survey tells of it."""
        return {
            **asdict(self),
            "progress": progress(self.span, self.place),
            "span": [self.span.since.isoformat(), self.span.until.isoformat()],
            "place": self.place and [self.place.date, self.place.at.isoformat(), self.place.seconds],
            "days": [asdict(tally) for tally in self.days.values()],
        }

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Job":
        """What `written` made, here or in another version of the relay."""
        since, until = map(datetime.fromisoformat, kept["span"])
        known = {one.name for one in fields(cls)}
        kept = {name: value for name, value in kept.items() if name in known}
        days = {_key(tally): tally for tally in (Tally(**one) for one in kept["days"])}
        return cls(**{**kept, "span": Span(since, until), "place": _place(kept["place"]), "days": days})

    def count(self, finding: Finding) -> None:
        """One more sale or refund of its day."""
        day = f"{finding.at or self.span.since:%Y-%m-%d}"
        tally = Tally(day, finding.currency, finding.kind)
        # A dead letter has its own alert; what was missed is on its way now.
        self.unrepaired += finding.verdict is Verdict.DIFFERS and not finding.admit
        self.days.setdefault(_key(tally), tally).add(finding)


def take(
    services: Services, merchant: Merchant, job: Job, step: Step, look: Look = lambda row, finding: finding
) -> None:
    """Compares what one step has read, admits what was missed, and keeps the job; idempotent by the ledger.

    Raises StoreUnavailable; then the step has to be taken again.
    """
    since = None if job.history else services.live_since[merchant.account]
    terms = Terms(services.rules(merchant.account), since, again=job.history)
    orders = compared(services, merchant, step.rows, terms)
    found: list[Finding] = []
    arrivals: list[Arrival] = []
    for order in orders:
        mine = [one for one in order.findings if step.holds(one.listed_by, one.at)]
        arrivals += order.missed(mine, job.id)
        found += [look(order.row, one) for one in mine]
    if arrivals:
        services.inbox.admit(arrivals, merchant.id)
    _tally(job, step, found, len(orders), len(arrivals))
    job.kept_at = services.clock().isoformat()
    differences = [described(one) for one in found if one.verdict is not Verdict.SAME]
    services.reconciliations.keep(merchant.id, job.name, job.written(), differences)


def described(finding: Finding) -> dict[str, Any]:
    """A finding as JSON types, for the report."""
    return {
        "order_id": finding.order_id,
        "kind": str(finding.kind),
        "verdict": str(finding.verdict),
        "shop": str(finding.shop),
        "ledger": str(finding.relay),
        "currency": finding.currency,
        "at": finding.at.astimezone(UTC).isoformat() if finding.at else "",
        "why": finding.why,
        "transmission": finding.transmission,
        "admitted": finding.admit,
    }


def _tally(job: Job, step: Step, found: Sequence[Finding], orders: int, admitted: int) -> None:
    job.place = step.after
    job.orders += len({one.order_id for one in found})
    job.admitted += admitted
    job.unreadable += step.skipped + len(step.rows) - orders
    counts = Counter(one.verdict for one in found)
    job.differences += counts.total() - counts[Verdict.SAME]
    for finding in found:
        job.count(finding)


def _place(kept: Sequence[Any] | None) -> Place | None:
    return Place(kept[0], datetime.fromisoformat(kept[1]), kept[2]) if kept else None


def _key(tally: Tally) -> str:
    return f"{tally.day} {tally.currency} {tally.kind}"


def _cents(amount: Decimal) -> int:
    return int(amount * 100)

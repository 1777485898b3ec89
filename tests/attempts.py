"""An attempt without store and CRM: a ledger in memory, a clock by hand, calls that are written down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass
from app.events import Kind, Transmission
from app.ontraport.schemas import LoggedTransaction
from app.relay.contacts import ContactPlan
from app.relay.lines import SaleLine
from app.relay.sales import SalePlan
from app.services import Services
from app.settings import MappingRules
from app.store.ledger import GateClosed, Go, Pause, Write
from app.store.records import milliseconds

ACCOUNT = "ontraport:DEMO"
SUBJECT = "order:DEMO-1"
ROW = f"l:{ACCOUNT}:{SUBJECT}"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID_AT = datetime(2026, 3, 1, 11, 59, 30, tzinfo=UTC)


@dataclass
class FakeLedger:
    """The ledger's rows in memory; `answers` are given to the next announcements before Go."""

    now: datetime = BEGIN
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    answers: list[Go | Pause | GateClosed | Exception] = field(default_factory=list)
    asked: list[tuple[str, bool]] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)
    exchanges: list[bytes] = field(default_factory=list)

    @property
    def ms(self) -> int:
        """The store's clock."""
        return milliseconds(self.now)

    def move(self, seconds: float) -> None:
        """Time goes by."""
        self.now += timedelta(seconds=seconds)

    def announce(self, tid: str, token: str, row: str, step: str, **budget: Any) -> Go | Pause | GateClosed:
        """Go, unless something else was put before."""
        self.asked.append((step, budget["reserved"]))
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if step:
            flight = {"fs": step, "fa": str(self.ms), "ft": tid, "fl": "0"}
            self.rows.setdefault(row, {}).update(flight)
        return Go(self.ms)

    def complete(
        self,
        tid: str,
        token: str,
        *,
        announced_row: str = "",
        writes: Sequence[Write] = (),
        exchanges: Sequence[bytes] = (),
    ) -> None:
        """Writes, and ends the announcement in `announced_row`."""
        if self.failing:
            raise self.failing.pop(0)
        for name in ("fs", "fa", "ft", "fl", "fe"):
            self.rows.get(announced_row, {}).pop(name, None)
        for row, name, value in writes:
            self.rows.setdefault(row, {})[name] = str(value)
        self.exchanges += exchanges

    def acquire(self, tid: str, token: str, row: str) -> Mapping[str, str] | None:
        """The row, unless somebody is at it."""
        return None if row in self.busy else dict(self.rows.get(row, {}))

    def read(self, row: str) -> Mapping[str, str]:
        """The row as it stands."""
        return dict(self.rows.get(row, {}))

    def custom_field(self, account: str, name: str) -> str:
        """A custom field as it was recorded."""
        return self.rows.get(f"f:{account}", {}).get(name, "")

    def products(self, account: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The known products."""
        known = self.rows.get(f"p:{account}", {})
        return {item: known[item] for item in item_ids if item in known}


@dataclass
class FakeLookups:
    """Whether the CRM's list is proven."""

    is_proven: bool = True
    known: dict[str, str] = field(default_factory=dict)

    def proven(self, account: str) -> bool:
        """As it was set."""
        return self.is_proven

    def prove(self, account: str) -> None:
        """Proven from now on."""
        self.is_proven = True

    def known_sale(self, account: str) -> Mapping[str, str]:
        """As it was set."""
        return self.known


@dataclass
class FakeOntraport:
    """The CRM: what it lists, what it was sent, and how the next calls of a name end."""

    listed: list[LoggedTransaction] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)
    endings: dict[str, list[Any]] = field(default_factory=dict)
    contact_of_email: str | None = "7"
    ignored: set[str] = field(default_factory=set)

    def names(self) -> list[str]:
        """The calls that were made, by name."""
        return [name for name, _ in self.sent]

    def _end(self, name: str, what: Any, otherwise: Any) -> Any:
        self.sent.append((name, what))
        ending = self.endings[name].pop(0) if self.endings.get(name) else otherwise
        if isinstance(ending, Exception):
            raise ending
        return ending

    def upsert_contact(self, body: Mapping[str, Any], call: Any, listed: Any) -> str:
        """Contact 7, unless told otherwise; every field is kept but those in `ignored`."""
        listed(set(body) - self.ignored)
        return str(self._end("upsert_contact", body, "7"))

    def find_contact(self, email: str, call: Any) -> str | None:
        """The contact that the e-mail belongs to now."""
        self._end("find_contact", email, None)
        return self.contact_of_email

    def update_contact(self, contact_id: str, fields: Mapping[str, Any], call: Any) -> None:
        """Done."""
        self._end("update_contact", (contact_id, fields), None)

    def log_sale(self, body: Mapping[str, Any], call: Any) -> str:
        """Invoice 42, unless told otherwise."""
        return str(self._end("log_sale", body, "42"))

    def refund(self, invoice_id: str, call: Any) -> str:
        """Done, unless told otherwise."""
        return str(self._end("refund", invoice_id, invoice_id))

    def add_note(self, contact_id: str, text: str, call: Any) -> None:
        """Done, unless told otherwise."""
        self._end("add_note", (contact_id, text), None)

    def transactions(self, contact_id: str, permit: Callable[[], Any]) -> Any:
        """What is listed for the contact, on one page."""
        permit()
        self._end("transactions", contact_id, None)
        return iter([row for row in self.listed if row.contact_id in ("", contact_id)])

    def probe(self, call: Any, path: str = "") -> None:
        """Done, unless told otherwise."""
        self._end("probe", path, None)


@dataclass
class Desk:
    """Everything that an attempt works with."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    crm: FakeOntraport = field(default_factory=FakeOntraport)
    lookups: FakeLookups = field(default_factory=FakeLookups)
    born: datetime | None = None
    sandbox: bool = False
    slept: list[float] = field(default_factory=list)
    observed: list[Any] = field(default_factory=list)

    @property
    def services(self) -> Services:
        """What an attempt sees of the services."""
        account = SimpleNamespace(rate_per_minute=170)
        merchant = SimpleNamespace(ontraport=account, rules=MappingRules())
        return cast(
            Services,
            SimpleNamespace(
                ledger=self.ledger,
                lookups=self.lookups,
                ontraport={ACCOUNT: self.crm},
                accounts={ACCOUNT: merchant},
                rules=lambda account: merchant.rules,
                settings=SimpleNamespace(exchange_days=30, sandbox=self.sandbox, relay_release=""),
                budget=SimpleNamespace(observe=lambda *args, **more: self.observed.append((args, more))),
                born=self.born,
                live_since={ACCOUNT: None},
                clock=lambda: self.ledger.now,
            ),
        )

    def attempt(self, **changes: Any) -> Attempt:
        """A new attempt of the one transmission, with the row as it stands."""
        claimed = replace(transmission(), ledger=self.ledger.read(ROW), **changes)
        return Attempt(claimed, self.services, sleep=self.slept.append, pause=self.slept.append)


def transmission(**changes: Any) -> Transmission:
    """The first attempt of a sale."""
    plain = Transmission(
        id="event.1",
        kind=Kind.SALE,
        account=ACCOUNT,
        subject=SUBJECT,
        token="token",
        attempt=1,
        created_at=BEGIN,
        event_name="order_create",
        merchant_id="DEMO",
        payload={},
    )
    return replace(plain, **changes)


def plan(**changes: Any) -> SalePlan:
    """A sale of one bone for 10.00."""
    contact = ContactPlan("jane@example.com", {"name": {"firstname": "Jane"}}, version=1)
    line = SaleLine("BONE", "Bone", Decimal("10.00"), 1)
    plain = SalePlan(
        order_id="DEMO-1",
        contact=contact,
        affiliate_id=None,
        lines=(line,),
        total=Decimal("10.00"),
        currency="USD",
        paid_at=PAID_AT,
    )
    return replace(plain, **changes)


def logged(**changes: Any) -> LoggedTransaction:
    """The sale of `plan` as the CRM lists it."""
    plain = LoggedTransaction("42", "7", Decimal("10.00"), PAID_AT, "DEMO-1", "1")
    return replace(plain, **changes)


def failure(kind: FailureClass = FailureClass.UNKNOWN, **more: Any) -> DeliveryFailure:
    """A failed call."""
    return DeliveryFailure(kind, "it failed", **more)

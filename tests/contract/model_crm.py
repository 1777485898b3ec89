"""A CRM for the delivery machine: a write is done, or not, or late, and listed later still, whatever it says.

It is asked through those methods of the CRM's client that deliveries use, and raises Broken as soon as it is
told to write what the relay promises not to write.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

from app.delivery.attempt import Call
from app.errors import DeliveryFailure, FailureClass
from app.ontraport.schemas import LoggedTransaction

T = TypeVar("T")

# What a call asked for is done by its deadline, and listed so much later at the latest (docs/adr/0009).
LISTED_WITHIN = 30.0
FATES = ("done", "throttled", "done unseen", "done late", "not done")


class Seam(Enum):
    """Where a worker may be stopped: it has taken a wake-up, is about to send, was answered, has recorded."""

    TAKES = auto()
    SENDS = auto()
    ANSWERED = auto()
    RECORDED = auto()


class Broken(BaseException):
    """A promise does not hold; no `except` of the engine hides it."""


def require(holds: bool, otherwise: str) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(otherwise)


class World(Protocol):
    """What is around the CRM: time, chance, and the workers that ask it."""

    calm: bool

    def now(self) -> float:
        """Seconds since 1970 UTC by the clock of store and CRM."""

    def latest(self, call: Call) -> float:
        """When, by the same clock, the call's work is done at the latest."""

    def choose(self, among: Sequence[T]) -> T:
        """One of them, by chance."""

    def send(self, what: str, call: Call) -> None:
        """The worker sends a write of `what`, unless it was stopped for too long since its permission."""

    def seam(self, seam: Seam) -> None:
        """The worker may be stopped here."""


@dataclass
class Order:
    """What stands of one order: logged sales and refunded totals, each with when it is listed."""

    sales: list[tuple[float, LoggedTransaction]] = field(default_factory=list)
    refunds: list[tuple[float, str]] = field(default_factory=list)


class Crm:
    """Contacts are their e-mail addresses, invoices are numbered. `fates` are those of the next writes."""

    def __init__(self, world: World) -> None:
        self.orders: dict[str, Order] = defaultdict(Order)
        self.fates: list[str] = []
        self._addresses: dict[str, int] = {}
        self._world = world
        self._late: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count(1)

    # What the CRM's client does.

    def upsert_contact(self, body: Mapping[str, Any], call: Call, listed: Any = None) -> str:
        """May be repeated, so that it is done at once or never. No address goes from newer to older."""
        email, address = str(body["email"]), int(body.get("address", 0))
        self._world.send(email, call)
        fate = "done" if self._world.calm else self._world.choose(("done", "done", "done unseen", "not done"))
        if fate != "not done" and address:
            require(self._addresses.get(email, 0) <= address, f"{email} got an old address")
            self._addresses[email] = address
        if fate != "done":
            raise DeliveryFailure(FailureClass.RETRYABLE, "no answer")
        self._world.seam(Seam.ANSWERED)
        return email

    def find_contact(self, email: str, call: Call) -> str:
        """Nobody merges contacts here."""
        return email

    def log_sale(self, body: Mapping[str, Any], call: Call) -> str:
        """Asked twice it makes two invoices."""
        order_id, invoice = str(body["external_order_id"]), str(next(self._numbers))
        total = Decimal(body["offer"]["grandTotal"])
        date = datetime.fromtimestamp(body["trans_date"] / 1000, UTC)
        sale = LoggedTransaction(invoice, str(body["contact_id"]), total, date, order_id, "1")
        self._write(order_id, call, lambda at: self._log(sale, at))
        return invoice

    def transactions(self, contact_id: str, permit: Callable[[], Call]) -> Iterator[LoggedTransaction]:
        """What is listed of the contact by now."""
        self._read(permit)
        listed = [sale for order in self.orders.values() for sale in self._listed(order.sales)]
        self._world.seam(Seam.ANSWERED)
        return iter([sale for sale in listed if sale.contact_id == contact_id])

    def refund(self, order_id: str, total: str, call: Call) -> str:
        """Refunds an order up to a total; asked twice it pays twice."""
        self._write(order_id, call, lambda at: self._refund(order_id, total, at))
        return total

    def refunds(self, order_id: str, permit: Callable[[], Call]) -> list[str]:
        """The refunded totals of an order that are listed by now."""
        self._read(permit)
        listed = self._listed(self.orders[order_id].refunds)
        self._world.seam(Seam.ANSWERED)
        return listed

    def go_on(self) -> None:
        """Time went by: does what it had put off until now, in order."""
        due = sorted((one for one in self._late if one[0] <= self._world.now()), key=lambda one: one[:2])
        self._late = [one for one in self._late if one not in due]
        for at, _, act in due:
            act(at)

    # How it does it.

    def _log(self, sale: LoggedTransaction, at: float) -> None:
        sales = self.orders[sale.external_order_id].sales
        require(not sales, f"{sale.external_order_id} is sold twice")
        sales.append((at + self._lag(), sale))

    def _refund(self, order_id: str, total: str, at: float) -> None:
        order = self.orders[order_id]
        before = [int(done) for _, done in order.refunds]
        require(bool(order.sales), f"{order_id} is refunded to {total} without its sale")
        require(int(total) not in before, f"{order_id} is refunded to {total} twice")
        require(int(total) > max(before, default=0), f"{order_id} is refunded to {total} after {before}")
        order.refunds.append((at + self._lag(), total))

    def _write(self, what: str, call: Call, act: Callable[[float], None]) -> None:
        """What becomes of a write, and what is said of it; returns only when it was done and said."""
        self._world.send(what, call)
        fate = self._fate()
        if fate == "throttled":
            raise DeliveryFailure(FailureClass.THROTTLED, "slow down", wait_seconds=5)
        if fate in ("done", "done unseen"):
            act(self._world.now())
        elif fate == "done late":
            self._late.append((self._world.latest(call), next(self._numbers), act))
        if fate != "done":
            raise DeliveryFailure(FailureClass.UNKNOWN, "no answer")
        self._world.seam(Seam.ANSWERED)

    def _fate(self) -> str:
        if self._world.calm:
            return "done"
        return self.fates.pop() if self.fates else self._world.choose(FATES)

    def _read(self, permit: Callable[[], Call]) -> None:
        call = permit()
        self._world.seam(Seam.SENDS)
        call.check()

    def _lag(self) -> float:
        return 0.0 if self._world.calm else self._world.choose((0.0, LISTED_WITHIN))

    def _listed(self, rows: Sequence[tuple[float, T]]) -> list[T]:
        return [row for since, row in rows if since <= self._world.now()]

"""The things that the ledger of effects holds, as plain data; for app.sandbox only."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.sandbox.fields import PAID


@dataclass(slots=True)
class Contact:
    """A contact: every ONTRAPORT field as a string, and the names of its tags."""

    id: str
    fields: dict[str, str]
    created: datetime
    tags: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """The address as it was last written."""
        return self.fields.get("email", "")


@dataclass(slots=True)
class Product:
    """A product: every ONTRAPORT field as a string."""

    id: str
    fields: dict[str, str]
    created: datetime


@dataclass(frozen=True, slots=True)
class LineAsked:
    """One product of a sale as the request names it; without a price, the product's own is taken."""

    product_id: str
    quantity: int
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class SaleAsked:
    """One sale as the request describes it; `date` in unix seconds."""

    contact_id: str
    lines: tuple[LineAsked, ...]
    date: int | None
    external_order_id: str
    oprid: str
    invoice_template: str


@dataclass(frozen=True, slots=True)
class Line:
    """One product of a logged sale."""

    product_id: str
    name: str
    external_id: str
    quantity: int
    price: Decimal

    @property
    def total(self) -> Decimal:
        """Price times quantity, exactly."""
        return self.price * self.quantity


@dataclass(slots=True)
class Transaction:
    """A logged sale. `external_order_id` is what lists show, `sent_order_id` what the request said."""

    id: str
    contact_id: str
    lines: tuple[Line, ...]
    date: int
    external_order_id: str
    sent_order_id: str
    oprid: str
    invoice_mailed: bool
    created: datetime
    status: str = PAID
    refunds: int = 0
    voids: int = 0

    @property
    def total(self) -> Decimal:
        """The sum of the lines, with cents."""
        total = sum((line.total for line in self.lines), Decimal("0.00"))
        return total


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a contact (object 12)."""

    id: str
    contact_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CustomField:
    """A contact field that the account's owner made; `options` maps option ids to words, for drop-downs."""

    key: str
    alias: str
    type: str
    required: str
    unique: str
    options: dict[str, str]

    def accepts(self, value: str) -> bool:
        """Whether the value would be kept: a drop-down takes the ids of its options only."""
        return self.type != "drop" or value == "" or value in self.options

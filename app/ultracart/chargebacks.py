"""UltraCart's ChargebackDispute as a frozen dataclass; anyone above may import it.

The dispute's own card and account numbers are not read. The order needs the expansion `order`.
https://www.ultracart.com/api/#resource_chargeback.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from app.ultracart.fields import One
from app.ultracart.reading import read_model
from app.ultracart.schemas import Num, Order, Str, Time


@dataclass(frozen=True, slots=True)
class Chargeback:
    """A payment that the customer's bank took back; `amount` is in the card's currency."""

    order_id: Str = None
    amount: Num = None
    chargeback_dts: Time = None
    reason_code: Str = None
    status: Str = None
    order: Annotated[Order | None, One(Order)] = None


def load_chargeback(payload: Mapping[str, Any]) -> Chargeback:
    """The dispute in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(Chargeback, payload, "chargeback of order", "order_id")

"""What the relay reads back from ONTRAPORT, only the fields that it uses; anyone above may import it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.http.answers import as_decimal, as_text
from app.ontraport.answers import as_time


@dataclass(frozen=True, slots=True)
class LoggedTransaction:
    """A transaction (invoice) as it stands in the account: object 46.

    `id` is the invoice id that logging a sale answers with; `contact_id` is empty if the row does not
    say it; `total` and `date` are None if the row has none that can be read; `external_order_id` is text
    whatever its type in the account; `status` 1 paid, 2 refunded, 3 partially refunded, 4 void.
    """

    id: str
    contact_id: str
    total: Decimal | None
    date: datetime | None
    external_order_id: str
    status: str


TRANSACTION_FIELDS = "id,contact_id,status,total,date,external_order_id"


def load_transaction(row: Mapping[str, Any]) -> LoggedTransaction:
    """A row of `GET /Transactions`; never raises."""
    return LoggedTransaction(
        id=as_text(row.get("id")),
        contact_id=as_text(row.get("contact_id")),
        total=as_decimal(row.get("total")),
        date=as_time(row.get("date")),
        external_order_id=as_text(row.get("external_order_id")),
        status=as_text(row.get("status")),
    )

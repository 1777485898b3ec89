"""The ONTRAPORT client: one small method a call of the API; for app.delivery, app.services and above.

One client per account and process, shared by its threads. Every method makes at most one request at a
time, never repeats one, and takes the attempt's `CallContext`; every failure is a DeliveryFailure with
its class, but LeaseLost, which the context's `check` raises: then nothing was sent.
https://api.ontraport.com/doc/
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from app.errors import DeliveryFailure, FailureClass
from app.ontraport.answers import Answer, Call, as_text, read_envelope, read_id, read_limits, read_rows
from app.ontraport.context import CallContext, boot_seconds
from app.ontraport.exchanges import exchange_of
from app.ontraport.failures import failure_of, known_text, unreadable
from app.ontraport.schemas import TRANSACTION_FIELDS, LoggedTransaction, load_transaction
from app.ontraport.transport import Transport
from app.settings import OntraportAccount

CONTACTS = "/Contacts"
PRODUCTS = "/Products"
TRANSACTIONS = "/Transactions"
PAGE_ROWS = 50
MAX_PAGES = 40

# The only texts of answers that are matched: these failures have no other sign.
_TEXTS: Mapping[str, FailureClass] = {
    "invalid contact id": FailureClass.GONE,
    "object not found": FailureClass.GONE,
}

log = structlog.get_logger(__name__)


class OntraportClient:
    """The calls that the relay makes to one account."""

    def __init__(
        self,
        account: OntraportAccount,
        *,
        transport: Transport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._account = account
        self._transport = transport or Transport(account)
        self._now = now

    def upsert_contact(self, body: Mapping[str, Any], context: CallContext) -> str:
        """Create or update the contact with this e-mail; its id. Idempotent.

        https://api.ontraport.com/doc/#create-or-merge-an-object
        """
        return self._written(Call("POST", f"{CONTACTS}/saveorupdate", body), context)

    def update_contact(self, contact_id: str, fields: Mapping[str, Any], context: CallContext) -> None:
        """Set fields of a known contact; others stay. Idempotent. `gone` if it was merged or deleted.

        https://api.ontraport.com/doc/#update-a-contact
        """
        self._call(Call("PUT", CONTACTS, {"id": contact_id, **fields}), context)

    def find_contact(self, email: str, context: CallContext) -> str | None:
        """The id of the oldest contact with exactly this e-mail, letter case aside; None if there is none.

        https://api.ontraport.com/doc/#retrieve-multiple-contacts
        """
        return self._find(CONTACTS, "email", email.strip(), context, same=str.casefold)

    def find_product_by_external_id(self, item_id: str, context: CallContext) -> str | None:
        """The id of the oldest product that bears this id of another system; None if there is none.

        https://api.ontraport.com/doc/#retrieve-multiple-products
        """
        return self._find(PRODUCTS, "external_id", item_id, context)

    def find_product_by_name(self, name: str, context: CallContext) -> str | None:
        """The id of the oldest product with exactly this name; None if there is none."""
        return self._find(PRODUCTS, "name", name, context)

    def create_product(self, body: Mapping[str, Any], context: CallContext) -> str:
        """Create a product; its id. Not idempotent: names are not unique.

        https://api.ontraport.com/doc/#create-a-product
        """
        return self._written(Call("POST", PRODUCTS, body, repeatable=False), context)

    def log_sale(self, body: Mapping[str, Any], context: CallContext) -> str:
        """Log a sale made elsewhere; its invoice id. Not idempotent: twice makes two invoices.

        https://api.ontraport.com/doc/#log-a-transaction
        """
        call = Call("POST", "/transaction/processManual", body, repeatable=False)
        return self._written(call, context, "invoice_id")

    def transactions(self, contact_id: str, permit: Callable[[], CallContext]) -> Iterator[LoggedTransaction]:
        """The contact's transactions, last logged first; each page is asked for when it is needed.

        `permit` gives the context of each page's request, since each costs the account's budget.

        Ends when all were seen, and raises rather than end early: an empty result is a proof. Rows of
        other contacts are left out even if the server ignored the condition; a row that names no contact
        is kept, with an empty `contact_id`. https://api.ontraport.com/doc/#retrieve-multiple-transactions
        """
        wanted = _number(contact_id)
        for page in self._pages(TRANSACTIONS, "contact_id", wanted, TRANSACTION_FIELDS, permit):
            for found in map(load_transaction, page):
                if found.contact_id in {contact_id, ""}:
                    yield found

    def add_tags(self, contact_id: str, names: Sequence[str], context: CallContext) -> None:
        """Tag a contact by the tags' names; unknown tags are made. Idempotent.

        https://api.ontraport.com/doc/#add-tag-to-contact-by-name
        """
        body = {"objectID": 0, "ids": [_number(contact_id)], "add_names": list(names)}
        self._call(Call("PUT", "/objects/tagByName", body), context)

    def probe(self, context: CallContext, object_path: str = CONTACTS) -> None:
        """Ask for a record that does not exist; raises what stands in the way of reading `object_path`.

        After a 403: probe the refused call's own object type (`CONTACTS`, `PRODUCTS`, or `TRANSACTIONS`
        for a sale). If that answers `permission` too, the key as a whole is refused, and the account's
        gate closes; if it succeeds, only the one record is, and the others go on.
        """
        field = "contact_id" if object_path == TRANSACTIONS else "id"
        query: dict[str, str | int] = {"range": 1, "listFields": "id", "condition": _condition(field, 0)}
        self._call(Call("GET", object_path, query=query, absent_is_empty=True), context)

    def _find(
        self,
        path: str,
        field: str,
        value: str,
        context: CallContext,
        same: Callable[[str], str] = str,
    ) -> str | None:
        """The lowest id on the first page that has the value: two workers find the same one."""
        wanted = same(value.strip())
        for page in self._pages(path, field, value, f"id,{field}", lambda: context):
            found = [as_text(row.get("id")) for row in page if same(as_text(row.get(field))) == wanted]
            if found:
                return min(found, key=lambda one: (len(one), one))
        return None

    def _pages(
        self, path: str, field: str, value: str | int, fields: str, permit: Callable[[], CallContext]
    ) -> Iterator[list[Mapping[str, Any]]]:
        """The rows that match, page by page, newest id first, each once.

        A server may know smaller pages than we ask for, so only an empty or a repeated page is the end.
        """
        seen: set[str] = set()
        query: dict[str, str | int] = {
            "range": PAGE_ROWS,
            "sort": "id",
            "sortDir": "desc",
            "listFields": fields,
            "condition": _condition(field, value),
        }
        for _ in range(MAX_PAGES):
            call = Call("GET", path, query=query | {"start": len(seen)}, absent_is_empty=path != TRANSACTIONS)
            fresh = [row for row in self._page(call, permit()) if as_text(row["id"]) not in seen]
            if not fresh:
                return
            seen.update(as_text(row["id"]) for row in fresh)
            yield fresh
        raise DeliveryFailure(
            FailureClass.RETRYABLE, f"more than {MAX_PAGES} pages of {path}: the look-up is not complete"
        )

    def _page(self, call: Call, context: CallContext) -> list[Mapping[str, Any]]:
        answer = self._call(call, context)
        rows = read_rows(_data(answer))
        if rows is None or not all(as_text(row.get("id")) for row in rows):
            raise unreadable(call, answer, "a list of records")
        return rows

    def _written(self, call: Call, context: CallContext, name: str = "id") -> str:
        answer = self._call(call, context)
        found = read_id(_data(answer), name)
        if found is None:
            raise unreadable(call, answer, f"the {name} of what was written")
        return found

    def _call(self, call: Call, context: CallContext) -> Answer:
        """Make the call, record it, and return its answer if that is a success."""
        started_at, started = self._now(), boot_seconds()
        answer = self._transport.send(call, context)
        milliseconds = round((boot_seconds() - started) * 1000)
        self._report(call, answer, context, started_at, milliseconds)
        failure = failure_of(call, answer, _TEXTS, self._now())
        if failure is None:
            return answer
        if call.absent_is_empty and answer.status == 404 and known_text(call, answer, _TEXTS):
            return Answer(answer.status, answer.headers, sent=True)
        raise failure

    def _report(
        self, call: Call, answer: Answer, context: CallContext, started_at: datetime, milliseconds: int
    ) -> None:
        """Tell the budget and the log; what was done in the account stands, whatever becomes of that."""
        limits = read_limits(answer.headers)
        if limits is not None:
            _unfailing(lambda: context.observe(limits))
        _unfailing(lambda: context.record(exchange_of(call, answer, self._account, started_at, milliseconds)))


def _unfailing(report: Callable[[], None]) -> None:
    try:
        report()
    except Exception as error:
        log.warning("exchange.unrecorded", error=type(error).__name__)


def _condition(field: str, value: str | int) -> str:
    """A condition of the list calls. https://api.ontraport.com/doc/#criteria"""
    return json.dumps([{"field": {"field": field}, "op": "=", "value": {"value": value}}])


def _number(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() and not text.startswith("0") else text


def _data(answer: Answer) -> Any:
    envelope = read_envelope(answer)
    return envelope.data if envelope else None

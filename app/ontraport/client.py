"""The ONTRAPORT client: one small method a call of the API; for app.delivery, app.services and above.

One client per account and process, shared by its threads. Every method makes at most one request at a
time, never repeats one, and takes the attempt's `CallContext`; every failure is a DeliveryFailure with
its class, but LeaseLost, which the context's `check` raises: then nothing was sent.
https://api.ontraport.com/doc/
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from app.errors import FailureClass
from app.http.answers import Call, as_text
from app.ontraport.answers import read_names
from app.ontraport.calls import PAGE_ROWS, TRANSACTIONS, AccountCalls, condition, data_of, number
from app.ontraport.context import CallContext
from app.ontraport.fields import ContactField, field_request, read_contact_fields
from app.ontraport.schemas import TRANSACTION_FIELDS, LoggedTransaction, load_transaction

CONTACTS = "/Contacts"
PRODUCTS = "/Products"
NOTE = 12

# The only texts of answers that are matched: these failures have no other sign.
_TEXTS: Mapping[str, FailureClass] = {
    "invalid contact id": FailureClass.GONE,
    "object not found": FailureClass.GONE,
}


class OntraportClient(AccountCalls):
    """The calls that the relay makes to one account."""

    texts = _TEXTS

    def upsert_contact(
        self,
        body: Mapping[str, Any],
        context: CallContext,
        listed: Callable[[Collection[str]], None] = lambda names: None,
    ) -> str:
        """Create or update the contact with this e-mail; its id. Idempotent.

        `listed` is told which fields the answer names: one that the account lacks is ignored silently.
        https://api.ontraport.com/doc/#create-or-merge-an-object
        """
        call = Call("POST", f"{CONTACTS}/saveorupdate", body)
        answer = self._call(call, context)
        listed(read_names(data_of(answer)))
        return self._id_in(call, answer)

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

    def existing_products(self, ids: Collection[str], permit: Callable[[], CallContext]) -> set[str]:
        """Those of these products that the account lists; raises rather than end early.

        `permit` gives the context of each request: one, and one more where some are missing.
        """
        wanted, found = sorted(set(ids)), set[str]()
        for begin in range(0, len(wanted), PAGE_ROWS):
            some = wanted[begin : begin + PAGE_ROWS]
            for page in self._pages(PRODUCTS, "id", [number(one) for one in some], "id", permit):
                found |= {as_text(row["id"]) for row in page}
                if found.issuperset(some):
                    break
        return found & set(wanted)

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
        wanted = number(contact_id)
        for page in self._pages(TRANSACTIONS, "contact_id", wanted, TRANSACTION_FIELDS, permit):
            for found in map(load_transaction, page):
                if found.contact_id in {contact_id, ""}:
                    yield found

    def add_tags(self, contact_id: str, names: Sequence[str], context: CallContext) -> None:
        """Tag a contact by the tags' names; unknown tags are made. Idempotent.

        https://api.ontraport.com/doc/#add-tag-to-contact-by-name
        """
        body = {"objectID": 0, "ids": [number(contact_id)], "add_names": list(names)}
        self._call(Call("PUT", "/objects/tagByName", body), context)

    def remove_tags(self, contact_id: str, names: Sequence[str], context: CallContext) -> None:
        """Take tags from a contact by their names; those that it has not are ignored. Idempotent.

        https://api.ontraport.com/doc/#remove-tag-from-contact-by-name
        """
        body = {"objectID": 0, "ids": [number(contact_id)], "remove_names": list(names)}
        self._call(Call("DELETE", "/objects/tagByName", body), context)

    def probe(self, context: CallContext, object_path: str = CONTACTS) -> None:
        """Ask for a record that does not exist; raises what stands in the way of reading `object_path`.

        After a 403: probe the refused call's own object type (`CONTACTS`, `PRODUCTS`, or `TRANSACTIONS`
        for a sale), and where that answers `permission` too, another one. If both are refused, the key as a
        whole is, and the account's gate closes; else only the record, or its type.
        """
        field = "contact_id" if object_path == TRANSACTIONS else "id"
        query: dict[str, str | int] = {"range": 1, "listFields": "id", "condition": condition(field, 0)}
        self._call(Call("GET", object_path, query=query, absent_is_empty=True), context)

    def update_product(self, product_id: str, fields: Mapping[str, Any], context: CallContext) -> None:
        """Set fields of a product, `name` among them. Idempotent.

        https://api.ontraport.com/doc/#update-a-product
        """
        self._call(Call("PUT", PRODUCTS, {"id": number(product_id), **fields}), context)

    def refund(self, invoice_id: str, context: CallContext) -> str:
        """Mark a logged sale as refunded, in full: there is no other; its id. Not idempotent.

        https://api.ontraport.com/doc/#refund-transactions
        """
        self._call(Call("PUT", "/transaction/refund", _ids(invoice_id), repeatable=False), context)
        return invoice_id

    def rerun_commission(self, invoice_id: str, context: CallContext) -> None:
        """Let ONTRAPORT compute a sale's commission anew. Idempotent.

        https://api.ontraport.com/doc/#rerun-partner-commissions
        """
        self._call(Call("PUT", "/transaction/rerunCommission", _ids(invoice_id)), context)

    def add_note(self, contact_id: str, text: str, context: CallContext) -> str:
        """Write a note at a contact; its id. Not idempotent, and a note is not found again.

        https://api.ontraport.com/doc/#create-an-object
        """
        body = {"objectID": NOTE, "contact_id": number(contact_id), "data": text}
        return self._written(Call("POST", "/objects", body, repeatable=False), context)

    def contact_fields(self, context: CallContext) -> Mapping[str, ContactField]:
        """Every field of contacts by its name, as people see it (`Auto Order Status`).

        https://api.ontraport.com/doc/#retrieve-fields-and-field-types
        """
        call = Call("GET", "/objects/meta", query={"format": "byId", "objectID": 0})
        return read_contact_fields(data_of(self._call(call, context)))

    def create_contact_field(self, name: str, context: CallContext) -> str:
        """Make a text field of that name. Not idempotent: twice makes two.

        https://api.ontraport.com/doc/#create-fields-and-sections-in-an-object-record
        """
        self._call(Call("POST", "/objects/fieldeditor", field_request(name), repeatable=False), context)
        return name


def object_path(path: str) -> str:
    """The list of what a call to `path` is about: what is probed when that call was answered 403."""
    if path.startswith(("/transaction/", TRANSACTIONS)):
        return TRANSACTIONS
    return PRODUCTS if path.startswith(PRODUCTS) else CONTACTS


def _ids(invoice_id: str) -> dict[str, Any]:
    return {"ids": [number(invoice_id)]}

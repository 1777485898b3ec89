"""A client that asks the account but changes nothing in it; for app.delivery's rehearsal alone.

A write is recorded as it would go out, and answered as if it had gone well, with a word in place of the id.
What such a record would be asked for does not exist yet: those answers are empty.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.http.answers import Answer, Call
from app.ontraport.client import OntraportClient
from app.ontraport.context import CallContext
from app.ontraport.fields import ContactField
from app.settings import OntraportAccount

NOT_SENT = "not sent: this is a rehearsal"
NEW = "(new "
_NAMES = {"/Contacts": "contact", "/Products": "product", "/transaction": "invoice", "/objects": "record"}


class RehearsedClient(OntraportClient):
    """One account; `book` waits until the account's budget allows a question."""

    def __init__(self, account: OntraportAccount, book: Callable[[], None]) -> None:
        super().__init__(account)
        self._book = book
        self._made: list[str] = []

    def contact_fields(self, context: CallContext) -> Mapping[str, ContactField]:
        """Those of the account, and those that would have been made."""
        made = {name: ContactField(name, f"{NEW}field {name})", "text", {}) for name in self._made}
        return {**super().contact_fields(context), **made}

    def create_contact_field(self, name: str, context: CallContext) -> str:
        """Told only."""
        self._made.append(name)
        return super().create_contact_field(name, context)

    def _call(self, call: Call, context: CallContext) -> Answer:
        if call.method != "GET":
            self._report(call, Answer(error=NOT_SENT), context, self._now(), 0)
            made = {"id": _new_id(call.path), "invoice_id": _new_id(call.path)}
            return _answer({**(call.body or {}), **made})
        if any(NEW in str(value) for value in call.query.values()):
            return _answer([])
        self._book()
        return super()._call(call, context)


def _new_id(path: str) -> str:
    name = next((name for begin, name in _NAMES.items() if path.startswith(begin)), "record")
    return f"{NEW}{name})"


def _answer(data: Any) -> Answer:
    return Answer(200, body=json.dumps({"code": 0, "data": data}).encode(), sent=True)

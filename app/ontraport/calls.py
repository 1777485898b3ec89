"""How a call of ONTRAPORT's API is made, recorded, paged and judged; for app.ontraport alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import Answer, Call, as_text
from app.ontraport.answers import read_envelope, read_id, read_limits, read_rows
from app.ontraport.context import CallContext, boot_seconds
from app.ontraport.exchanges import exchange_of
from app.ontraport.failures import failure_of, known_text, unreadable
from app.ontraport.transport import Transport
from app.settings import OntraportAccount

TRANSACTIONS = "/Transactions"
PAGE_ROWS = 50
MAX_PAGES = 40

log = structlog.get_logger(__name__)


class AccountCalls:
    """One account's calls; `texts` are the answers that are known by their words alone."""

    texts: Mapping[str, FailureClass] = {}

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
        self,
        path: str,
        field: str,
        value: str | int | Sequence[str | int],
        fields: str,
        permit: Callable[[], CallContext],
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
            "condition": condition(field, value),
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
        rows = read_rows(data_of(answer))
        if rows is None or not all(as_text(row.get("id")) for row in rows):
            raise unreadable(call, answer, "a list of records")
        return rows

    def _written(self, call: Call, context: CallContext, name: str = "id") -> str:
        return self._id_in(call, self._call(call, context), name)

    @staticmethod
    def _id_in(call: Call, answer: Answer, name: str = "id") -> str:
        found = read_id(data_of(answer), name)
        if found is None:
            raise unreadable(call, answer, f"the {name} of what was written")
        return found

    def _call(self, call: Call, context: CallContext) -> Answer:
        """Make the call, record it, and return its answer if that is a success."""
        started_at, started = self._now(), boot_seconds()
        answer = self._transport.send(call, context)
        milliseconds = round((boot_seconds() - started) * 1000)
        self._report(call, answer, context, started_at, milliseconds)
        failure = failure_of(call, answer, self.texts, self._now())
        if failure is None:
            return answer
        if call.absent_is_empty and answer.status == 404 and known_text(call, answer, self.texts):
            return Answer(answer.status, answer.headers, sent=True)
        failure.path = call.path
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


def condition(field: str, value: str | int | Sequence[str | int]) -> str:
    """A condition of the list calls: a value, or one of several. https://api.ontraport.com/doc/#criteria"""
    if isinstance(value, str | int):
        return json.dumps([{"field": {"field": field}, "op": "=", "value": {"value": value}}])
    values = {"list": [{"value": one} for one in value]}
    return json.dumps([{"field": {"field": field}, "op": "IN", "value": values}])


def number(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() and not text.startswith("0") else text


def data_of(answer: Answer) -> Any:
    envelope = read_envelope(answer)
    return envelope.data if envelope else None

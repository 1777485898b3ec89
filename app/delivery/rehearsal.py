"""What sending a dead letter again would do, tried out: it reads store, CRM and shop, and writes nowhere."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, Postponed
from app.events import Outcome, Skipped, Transmission
from app.ontraport.rehearsal import NOT_SENT, RehearsedClient
from app.services import Services
from app.store.catalogue import Catalogue, CatalogueItem
from app.store.ledger import Go, Ledger, Write
from app.store.lookups import Lookups
from app.store.polling import Polling
from app.store.records import Codec, milliseconds

ANNOUNCEMENT = ("fs", "fa", "ft", "fl", "fe")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it would end, and the requests in their order: questions with their answers, writes as unsent.

    `ending` is `delivered`, `skipped`, `postponed` or a class of failure. Of what depends on the id that a
    write gives, that id is a word: `(new contact)`. `requests` are as DeadLetters' exchanges.
    """

    ending: str
    reason: str
    requests: tuple[Mapping[str, Any], ...]


def rehearse(
    services: Services,
    transmission: Transmission,
    handler: Callable[[Attempt], Outcome],
    sleep: Callable[[float], None] = time.sleep,
) -> Rehearsal:
    """Lets `handler` deliver it to nobody. Its questions to ONTRAPORT take from the account's budget.

    Raises StoreUnavailable. A fault of the handler itself is raised as it is.
    """
    ledger = _Ledger(services)
    attempt = Attempt(
        transmission, _without_writes(services, transmission.account, ledger, sleep), sleep=sleep
    )
    ending, reason = _ending(handler, attempt)
    codec = Codec()
    records = (*ledger.exchanges, *attempt.exchanges)
    return Rehearsal(ending, reason, tuple(codec.unpack_exchange(record) for record in records))


def is_sent(request: Mapping[str, Any]) -> bool:
    """Whether it was a question, which was really asked."""
    return bool(request["error"] != NOT_SENT)


def _ending(handler: Callable[[Attempt], Outcome], attempt: Attempt) -> tuple[str, str]:
    try:
        outcome = handler(attempt)
    except Postponed as postponed:
        return "postponed", postponed.reason
    except DeliveryFailure as failure:
        return failure.failure, ". ".join(
            part.rstrip(". ") for part in (failure.reason, failure.hint) if part
        )
    if isinstance(outcome, Skipped):
        return "skipped", outcome.reason
    return "delivered", "; ".join(part for part in (outcome.note, attempt.remark) if part)


def _without_writes(
    services: Services, account: str, ledger: "_Ledger", sleep: Callable[[float], None]
) -> Services:
    """The same services, but for those that write: what a cached property finds there it does not make."""
    rehearsed = replace(services)
    crm = services.accounts[account].ontraport

    def book() -> None:
        sleep(services.budget.book(services.scripts, account, 60_000 / crm.rate_per_minute))

    vars(rehearsed).update(
        ledger=ledger,
        ontraport={account: RehearsedClient(crm, book)},
        lookups=_Lookups(services.client),
        catalogue=_Catalogue(services.client),
        polling=_Polling(services.client),
    )
    return rehearsed


class _Ledger(Ledger):
    """The ledger with what was written since the beginning of the rehearsal, which only this one knows."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.client, services.scripts, mark=services.mark)
        self._clock = services.clock
        self._rows: dict[str, dict[str, str]] = {}
        self._ended: set[str] = set()
        self.exchanges: list[bytes] = []

    def announce(self, transmission_id: str, token: str, row: str, step: str, **budget: Any) -> Go:
        """Goes: whoever asks the CRM waits for the budget by itself."""
        return Go(milliseconds(self._clock()))

    def complete(
        self,
        transmission_id: str,
        token: str,
        *,
        announced_row: str = "",
        writes: Sequence[Write] = (),
        exchanges: Sequence[bytes] = (),
        lease_ms: int = 0,
    ) -> None:
        """Keeps it to itself."""
        self._ended.add(announced_row)
        for row, name, value in writes:
            self._rows.setdefault(row, {})[name] = str(value)
        self.exchanges += exchanges

    def acquire(self, transmission_id: str, token: str, row: str) -> Mapping[str, str]:
        """The row as it is; nobody is kept from writing it."""
        return self.read(row)

    def read(self, row: str) -> Mapping[str, str]:
        """As it stands, and as it would stand."""
        fields = {**super().read(row), **self._rows.get(row, {})}
        return {k: v for k, v in fields.items() if not (row in self._ended and k in ANNOUNCEMENT)}

    def custom_field(self, account: str, name: str) -> str:
        """The same of a custom field."""
        return self._rows.get(self.custom_fields(account), {}).get(name) or super().custom_field(
            account, name
        )

    def products(self, account: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The same of products."""
        known = {**super().products(account, item_ids), **self._rows.get(f"p:{account}", {})}
        return {item: known[item] for item in item_ids if known.get(item)}


class _Lookups(Lookups):
    def prove(self, account: str) -> None:
        """Not for a rehearsal to say."""


class _Catalogue(Catalogue):
    def write(self, merchant_id: str, items: Iterable[CatalogueItem]) -> None:
        """Not for a rehearsal to say."""


class _Polling(Polling):
    def forget(self, merchant_id: str, poll: str, keys: Iterable[str]) -> None:
        """Not for a rehearsal to say."""

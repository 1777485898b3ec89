"""What the relay was never told: orders that were fetched, and the body of a delivery that failed.

Both are admitted as backfill: behind all that is live, and nothing that was paid before LIVE_SINCE.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from hashlib import blake2b

from app.delivery.intake import own, understand
from app.delivery.shop_orders import Row
from app.errors import DeliveryFailure
from app.events import Admission, Arrival, Event, Fact, Kind, Skipped, Unreadable
from app.relay.comparison import FETCHED, Finding, Terms, compare
from app.relay.facts import ORDER_STATUSES, TELLING, facts
from app.relay.sales import plan_sale
from app.services import Services
from app.settings import Merchant
from app.store.reconciliations import COMPARED
from app.ultracart.catalogue import EVENTS, ORDER_EVENTS
from app.ultracart.parse import read_payload
from app.ultracart.polled import polled_event
from app.ultracart.webhook_log import LOGGED, first_events

# Their poll tells them as they are now; nobody can ask whether an undated snapshot is the newest one.
POLLED = frozenset({Kind.ITEM, Kind.AFFILIATE_SIGNUP})
# An order that is fetched tells what such an event said of it, and the poll of items tells of items.
TOLD_ELSEWHERE = (ORDER_EVENTS - ORDER_STATUSES) | EVENTS["item"] | EVENTS["affiliate"]


@dataclass(frozen=True, slots=True)
class Compared:
    """An order of the shop (`row`), what it tells, and how its sale and refund stand."""

    row: Row
    event: Event
    told: tuple[Fact, ...]
    findings: tuple[Finding, ...]

    def missed(self, findings: Sequence[Finding], salt: str, *, besides: bool = False) -> Iterator[Arrival]:
        """The event with the facts that were missed by these findings, and with what else the order tells.

        `salt` is who asks: it is looked at again when another one asks. With `besides` what else it tells
        comes also where nothing of the order's money was missed.
        """
        wanted = {one.kind for one in findings if one.admit}
        news = tuple(fact for fact in self.told if fact.kind in wanted or fact.kind not in COMPARED)
        if wanted or (besides and news):
            # The same words were perhaps taken before: a digest of this asker, and of what is wanted of them.
            digest = _digest(self.event.digest + " ".join([salt, *sorted(wanted)]).encode())
            yield Arrival(self.event._replace(digest=digest), news, backfill=True)


def compared(
    services: Services, merchant: Merchant, rows: Sequence[Row], terms: Terms
) -> tuple[Compared, ...]:
    """The orders among `rows` that can be read, against the ledger. Raises StoreUnavailable."""
    events = [(row, polled_event(FETCHED, row, merchant.id)) for row in rows]
    read = [(row, event, facts(event, merchant.account)) for row, event in events if isinstance(event, Event)]
    known = services.reconciliations.known(merchant.account, [event.object_key for _, event, _ in read])
    return tuple(
        Compared(row, event, told, tuple(compare(row, told, known[event.object_key], terms)))
        for row, event, told in read
    )


def admit_orders(services: Services, merchant: Merchant, rows: Sequence[Row], salt: str) -> tuple[int, int]:
    """Takes what was missed of these orders: how many could be read, and how many events came in.

    Raises StoreUnavailable.
    """
    orders = compared(services, merchant, rows, _terms(services, merchant))
    arrivals = [one for order in orders for one in order.missed(order.findings, salt, besides=True)]
    if arrivals:
        services.inbox.admit(arrivals, merchant.id)
    return len(orders), len(arrivals)


def admit_body(services: Services, merchant: Merchant, body: bytes) -> tuple[Admission, bool]:
    """Takes a delivery that never reached the receiver as it would have been taken there, but as backfill.

    What cannot be read is quarantined once, however often its body is met. Also says whether all of it was
    taken: not what cannot be read, and no sale of which the body tells too little to know when it was paid.
    Raises StoreUnavailable; then the body has to come again.
    """
    terms = _terms(services, merchant)
    items, whole = _understood(body, merchant)
    taken = [_late(item, terms) for item in items]
    admission = own(services.inbox.admit, [item for item, _ in taken], body, merchant.id)
    return admission, whole and all(complete for _, complete in taken)


def untold(event_names: Set[str], order_ids: Sequence[str]) -> bool:
    """Whether such a delivery may have said what neither the orders that it names nor a poll tell."""
    names = event_names & TELLING
    nameless = bool(names & ORDER_EVENTS) and not order_ids
    return not event_names or nameless or bool(names - TOLD_ELSEWHERE)


def _understood(body: bytes, merchant: Merchant) -> tuple[list[Arrival | Unreadable], bool]:
    """What the body holds; of one that the log has cut off the events before the cut."""
    items = understand(body, merchant)
    if len(body) >= LOGGED and any(isinstance(item, Unreadable) and item.body == body for item in items):
        return understand(first_events(body), merchant), False
    return items, True


def _late(item: Arrival | Unreadable, terms: Terms) -> tuple[Arrival | Unreadable, bool]:
    """The item as backfill, and whether that is all of it."""
    if isinstance(item, Unreadable):
        return replace(item, digest=_digest(item.body)), False
    sale = _sale(item, terms)
    news = tuple(fact for fact in item.facts if (fact.kind is not Kind.SALE or sale) and not _is_moot(fact))
    return item._replace(facts=news, backfill=True), sale is not None


def _sale(item: Arrival, terms: Terms) -> bool | None:
    """Whether its sale is to be told; None where the body tells too little to know when it was paid.

    A worker does not ask of a backfill when it was paid, so it is asked here.
    """
    if terms.live_since is None or not any(fact.kind is Kind.SALE for fact in item.facts):
        return True
    name, order = item.event.name, read_payload(item.event.raw)
    try:
        was_before = isinstance(plan_sale(name, order, terms.rules, terms.live_since), Skipped)
        # What is no sale for another reason is told: the worker says which.
        return not was_before or isinstance(plan_sale(name, order, terms.rules, None), Skipped)
    except DeliveryFailure:
        return None


def _is_moot(fact: Fact) -> bool:
    return fact.kind in POLLED and not fact.version


def _terms(services: Services, merchant: Merchant) -> Terms:
    return Terms(services.rules(merchant.account), services.live_since[merchant.account])


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()

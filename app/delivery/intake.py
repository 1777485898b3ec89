"""A delivery's body as what the store takes: for the receiver, and for what never reached it."""

from collections.abc import Callable, Sequence

import structlog

from app.errors import RelayError
from app.events import Admission, Arrival, Event, Unreadable
from app.relay.facts import facts
from app.settings import Merchant
from app.ultracart.catalogue import EVENT_NAMES
from app.ultracart.gzipped import unpack
from app.ultracart.parse import parse_delivery

Admit = Callable[[Sequence[Arrival | Unreadable], str], Admission]

log = structlog.get_logger()


def understand(body: bytes, merchant: Merchant) -> list[Arrival | Unreadable]:
    """What the delivery holds, in its order. Never raises: what is damaged, gets too large once unpacked or
    meets a fault of ours is kept whole, for a person.
    """
    try:
        plain = unpack(body)
    except ValueError as error:
        return [Unreadable(str(error), body)]
    try:
        found = parse_delivery(plain, merchant.id)
        return [item if isinstance(item, Unreadable) else _arrival(item, merchant) for item in found]
    except Exception as error:
        # A delivery is worth more than the fault that it met: a 5xx would make the shop repeat it for ever.
        return [_kept(error, body, merchant.id)]


def own(admit: Admit, items: Sequence[Arrival | Unreadable], body: bytes, merchant_id: str) -> Admission:
    """Puts it on disk; what the store chokes on is kept whole. Raises RelayError when that did not happen."""
    try:
        return admit(items, merchant_id)
    except RelayError:
        raise
    except Exception as error:
        # A fault of ours would meet the same delivery again and again: keep it whole, for a person.
        return admit([_kept(error, body, merchant_id)], merchant_id)


def _arrival(event: Event, merchant: Merchant) -> Arrival | Unreadable:
    if event.name not in EVENT_NAMES:
        return Arrival(event.without_payload(), (), ignored=True)
    try:
        return Arrival(event.without_payload(), facts(event, merchant.account))
    except Exception as error:
        # One event that we fail on must not hold up its neighbours.
        return _kept(error, b'{"%s":%s}' % (event.name.encode(), event.raw), merchant.id)


def _kept(error: Exception, body: bytes, merchant_id: str) -> Unreadable:
    log.error("delivery.not_understood", merchant=merchant_id, bytes=len(body), exc_info=error)
    return Unreadable(
        "The receiver itself failed on it, which is a fault of ours: report the trace in the log.", body
    )

"""Rules about the comparisons of a shop's orders with the ledger; for app.alerts.rules."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.alerts.alert import Alert, Severity
from app.alerts.readings import Comparison, Readings, ShopReading
from app.alerts.wording import count_text, span_text, time_text
from app.events import JobName

# A night's run ends at the midnight before it and is made by 04:00 UTC: two of them did not end.
LONGEST_WITHOUT = timedelta(days=2, hours=4)


def reconciliation(readings: Readings) -> Iterator[Alert]:
    """The nightly comparison stays away, or there is something that it cannot repair."""
    for shop in readings.shops:
        yield from _late(shop, readings)
        for name in (JobName.NIGHTLY, JobName.GAP):
            found = shop.comparisons.get(name)
            if found and found.ended and found.unrepaired and not _made_good(found, shop):
                yield _unrepaired(shop, name, found)


def _late(shop: ShopReading, readings: Readings) -> Iterator[Alert]:
    nightly = shop.comparisons.get(JobName.NIGHTLY)
    reached = _reached(nightly) if nightly else readings.born
    if reached and readings.now - reached >= LONGEST_WITHOUT:
        what = f"{shop.merchant_id}: no nightly reconciliation has ended"
        what += f" for the days after {time_text(reached)}" if nightly else " yet"
        what += f", which is {span_text(readings.now - reached)} ago: what the shop did not tell is not found"
        yield Alert("reconciliation", f"reconciliation:{shop.merchant_id}:late", Severity.WARN, what)


def _reached(nightly: Comparison) -> datetime:
    """Up to when all days are compared."""
    return nightly.until if nightly.ended else nightly.since


def _made_good(found: Comparison, shop: ShopReading) -> bool:
    """Whether a later one of at least that span, made by hand, left nothing to a person."""
    later = shop.comparisons.get(JobName.BY_HAND)
    if later is None or not later.ended or later.unrepaired or later.at <= found.at:
        return False
    return later.since <= found.since and found.until <= later.until


def _unrepaired(shop: ShopReading, name: JobName, found: Comparison) -> Alert:
    number = count_text(found.unrepaired, "sale or refund stands", "sales or refunds stand")
    what = (
        f"{shop.merchant_id}: {number} otherwise in the CRM than in the shop ({name} reconciliation of "
        f"{time_text(found.since)} to {time_text(found.until)}, {found.completeness:.2f} % complete)"
    )
    group = f"reconciliation:{shop.merchant_id}:{name}"
    return Alert("reconciliation", group, Severity.WARN, what, found.unrepaired)

"""Which comparison with a shop is due: after a gap in which no receiver ran, and each night."""

from datetime import datetime, timedelta

from app.delivery.reconciliation import Job
from app.delivery.shop_orders import Span
from app.events import JobName
from app.services import Services
from app.settings import Merchant
from tasks.poll_runs import PollReport
from tasks.reconciliation import begin, current, go_on

# The shop's own repetitions come first; and what began before a gap may have been told of in it.
MARGIN = timedelta(minutes=10)
# UTC; the day before has ended in every office, and UltraCart's rebills have not yet begun.
NIGHT_HOUR = 3
LONGEST = timedelta(days=31)


def reconcile_due(services: Services, merchant: Merchant) -> PollReport:
    """One run of what is due, a gap first; raises StoreUnavailable. Goes on with what is unfinished."""
    if not merchant.ultracart_key:
        return PollReport(JobName.NIGHTLY, merchant.id, "off", "no ULTRACART_SIMPLE_KEY")
    for name, due in ((JobName.GAP, _gap), (JobName.NIGHTLY, _night)):
        job = current(services, merchant, name)
        if job is None or job.ended_at:
            span = due(services, job)
            if span is None:
                continue
            begin(services, merchant, name, span)
        return go_on(services, merchant, name)
    return PollReport(JobName.NIGHTLY, merchant.id, reason="nothing is due")


def _gap(services: Services, last: Job | None) -> Span | None:
    """All gaps that the last comparison of this name did not reach, as one span, once they lie back."""
    now = services.clock().replace(microsecond=0)
    reached = last.span.until if last else now - LONGEST
    ripe = [(begin, end) for begin, end in services.heartbeat.gaps() if reached < end + MARGIN < now]
    if not ripe:
        return None
    since = max(min(begin for begin, _ in ripe) - MARGIN, now - LONGEST).replace(microsecond=0)
    return Span(since, _second_after(max(end for _, end in ripe) + MARGIN))


def _night(services: Services, last: Job | None) -> Span | None:
    """From where the last night ended, else the day before, to the midnight (UTC) that has just been."""
    now = services.clock()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if now < midnight + timedelta(hours=NIGHT_HOUR):
        return None
    since = last.span.until if last else midnight - timedelta(days=1)
    return Span(max(since, midnight - LONGEST), midnight) if since < midnight else None


def _second_after(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=1)

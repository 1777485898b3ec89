"""Which function delivers which kind, and the Celery tasks that carry nothing but an id. One line a kind."""

from collections.abc import Callable, Mapping

from celery import Celery, Task
from celery.exceptions import Retry

from app.delivery.attempt import Attempt
from app.events import Kind, Outcome
from app.queue import (
    AFFILIATE_POLLING,
    ITEM_POLLING,
    PROBE,
    RECONCILIATION,
    WEBHOOK_POLLING,
    task_name,
)
from app.services import Services
from app.settings import Merchant
from tasks import (
    affiliate_polling,
    affiliate_signup,
    auto_order_status,
    customer,
    item,
    item_polling,
    order_status,
    probe,
    reconciliation_due,
    refund,
    sale,
    webhook_polling,
)
from tasks.poll_runs import PollReport

HANDLERS: Mapping[Kind, Callable[[Attempt], Outcome]] = {
    Kind.SALE: sale.deliver,
    Kind.REFUND: refund.deliver,
    Kind.AUTO_ORDER_STATUS: auto_order_status.deliver,
    Kind.AFFILIATE_SIGNUP: affiliate_signup.deliver,
    Kind.CUSTOMER: customer.deliver,
    Kind.ORDER_STATUS: order_status.deliver,
    Kind.ITEM: item.deliver,
}

POLLS: Mapping[str, Callable[[Services, Merchant], PollReport]] = {
    ITEM_POLLING: item_polling.poll_items,
    AFFILIATE_POLLING: affiliate_polling.poll_affiliates,
    WEBHOOK_POLLING: webhook_polling.poll_webhook,
    RECONCILIATION: reconciliation_due.reconcile_due,
}


class Buried(Exception):
    """The transmission became a dead letter; this is how Celery and Flower are told."""


def register(app: Celery, run: Callable[[str], tuple[str | None, str]]) -> None:
    """Adds one task a kind. `run` makes the attempt and gives its ending and reason.

    The task ends as what happened (SUCCESS, RETRY or FAILURE), but nothing is retried by Celery.
    """

    def body(self: Task, transmission_id: str) -> str:
        ending, reason = run(transmission_id)
        if ending == "dead":
            raise Buried(reason)
        if ending in ("retrying", "postponed"):
            raise Retry(reason)
        return reason

    for kind in Kind:
        app.task(body, name=task_name(kind), bind=True, throws=(Buried,), shared=False)


class PollFailed(Exception):
    """The shop refused to be polled, and why."""


def register_polls(app: Celery, services: Callable[[], Services]) -> None:
    """Adds the polls; each takes a merchant's id. What the next round makes good ends as SUCCESS."""
    for name, poll in POLLS.items():
        app.task(_poll_body(poll, services), name=name, throws=(PollFailed,), shared=False)


def _poll_body(
    poll: Callable[[Services, Merchant], PollReport], services: Callable[[], Services]
) -> Callable[[str], str]:
    def body(merchant_id: str) -> str:
        here = services()
        if merchant_id not in here.settings.merchants:
            return f"off: {merchant_id} is not in the settings any more"
        report = poll(here, here.settings.merchants[merchant_id])
        if report.ending == "failed":
            raise PollFailed(report.reason)
        return report.words()

    return body


class ProbeFailed(Exception):
    """What the end-to-end probe met."""


def register_probe(app: Celery, services: Callable[[], Services]) -> None:
    """Adds the end-to-end probe, which ends as SUCCESS or FAILURE."""

    def body() -> str:
        problem = probe.probe(services())
        if problem:
            raise ProbeFailed(problem)
        return "everything works"

    app.task(body, name=PROBE, throws=(ProbeFailed,), shared=False)

"""Which function delivers which kind, and the Celery tasks that carry nothing but an id. One line a kind."""

from collections.abc import Callable, Mapping

from celery import Celery, Task
from celery.exceptions import Retry

from app.delivery.attempt import Attempt
from app.events import Kind, Outcome
from app.queue import task_name
from tasks import sale

HANDLERS: Mapping[Kind, Callable[[Attempt], Outcome]] = {
    Kind.SALE: sale.deliver,
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

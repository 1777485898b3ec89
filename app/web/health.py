"""`GET /livez` and `GET /readyz`; for app.web only.

Readiness is the receiver's own: a durable write within a second. It never asks about workers, backlog or CRM,
or an outage of ONTRAPORT would stop the intake.
"""

from collections.abc import Callable

import structlog
from flask import Blueprint, Response

from app.errors import RelayError
from app.web.answer import answer

log = structlog.get_logger()


def blueprint(ready: Callable[[], None], stopping: Callable[[], bool]) -> Blueprint:
    """`ready` raises RelayError when the store cannot take a write; `stopping` is true after SIGTERM."""
    pages = Blueprint("health", __name__)

    @pages.get("/livez")
    def livez() -> Response:
        return answer(200, {"status": "alive"})

    @pages.get("/readyz")
    def readyz() -> Response:
        if stopping():
            return answer(503, {"status": "stopping"})
        try:
            ready()
        except RelayError as error:
            log.warning("receiver.not_ready", error=type(error).__name__)
            return answer(503, {"status": "the store does not take writes"})
        return answer(200, {"status": "ready"})

    return pages

"""The end-to-end probe: started by beat, taken from the queue by a worker, and what it finds on the way.

That this code runs proves beat, the broker and a worker; it looks at the rest itself. After each probe that
met no problem the dead man's URL is pinged, so that somebody outside notices silence, whatever caused it.
"""

import time
from datetime import timedelta

import structlog

from app.channels.web import Target
from app.services import Services
from app.settings import Settings

LATEST_DISPATCH = timedelta(seconds=15)
LATEST_JUDGEMENT = timedelta(minutes=2)
LONGEST_UNSENT = timedelta(minutes=15)
CALL_SECONDS = 10.0
LOOKS, LOOK_SECONDS = 6, 0.5

log = structlog.get_logger()


def probe(services: Services) -> str:
    """What is wrong between receiver and worker, '' when nothing is; kept for the alerts.

    Makes nothing in the CRM and does not ask it: a closed gate has its own alert. Raises StoreUnavailable and
    InstanceMismatch.
    """
    services.inbox.ready()
    problem = _engine(services) or _messages(services) or _receiver(services.settings)
    services.alerts.probed(services.clock(), problem)
    if problem:
        log.error("probe.failed", reason=problem)
    elif services.settings.deadman_url:
        _ping(services.settings)
    return problem


def receiver_url(settings: Settings) -> str:
    """Where the receiver can be asked: as the shop reaches it, else on this machine; '' when unknown."""
    if settings.relay_public_url:
        return settings.relay_public_url
    runs_here = (settings.data_dir / "run" / "web.pid").exists()
    return f"http://127.0.0.1:{settings.port}" if runs_here else ""


def _engine(services: Services) -> str:
    # The dispatcher of this very process may be about to make its first round.
    for _ in range(LOOKS):
        age = services.survey.dispatched_ago()
        if age is not None and age <= LATEST_DISPATCH:
            return ""
        time.sleep(LOOK_SECONDS)
    return "no dispatcher has made its round within 15 s: do the workers run?"


def _messages(services: Services) -> str:
    book, now = services.alerts.read(), services.clock()
    awake, unsent = book.judged_at, book.unsent_since()
    # Beat and worker start together: the first round of the watch may be a moment later.
    if awake is not None and now - awake > LATEST_JUDGEMENT:
        return "nobody has looked for alerts within 2 minutes: the log of the workers says why"
    if unsent is not None and now - unsent > LONGEST_UNSENT:
        return "an alert could not be sent for 15 minutes: `relay alerts test` says why"
    return ""


def _receiver(settings: Settings) -> str:
    url = receiver_url(settings)
    problem = Target(f"{url}/readyz").call("GET", seconds=CALL_SECONDS) if url else ""
    return f"the receiver is not ready at {url}/readyz: {problem}" if problem else ""


def _ping(settings: Settings) -> None:
    problem = Target(settings.deadman_url.reveal()).call("GET", seconds=CALL_SECONDS)
    if problem:
        log.warning("probe.ping_failed", reason=problem)

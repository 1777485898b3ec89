"""The receiver's Flask application; `create_app` is what the WSGI server calls."""

import gc
import os
from collections.abc import Callable
from functools import partial

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from app.logs import configure_logs
from app.settings import Settings, load_settings
from app.web import api, feeds, health, hooks, metrics
from app.web.answer import Reply, answer, reply
from app.web.heartbeat import Heard, keep_beating, late
from app.web.inbox import Inbox, LateInbox
from app.web.lifetime import Lifetime

log = structlog.get_logger()


def create_app(
    settings: Settings | None = None,
    inbox: Inbox | None = None,
    readings: metrics.StoreReadings | None = None,
    lifetime: Lifetime | None = None,
    items: feeds.ReadItems | None = None,
) -> Flask:
    """Build the application.

    Without arguments (under a server) it reads the environment, sets up the logs and watches for the end of
    its process. Raises SettingsError. `readings` are the store's numbers for `/metrics`,
    `items` its catalogue for the feed.
    """
    lifetime = lifetime or Lifetime()
    serves = settings is None
    if settings is None:
        configure_logs(patient=True)
        settings = load_settings(os.environ)
        lifetime.watch()
        readings = _store_numbers(settings)
    heard = Heard(settings.merchants)
    if serves:
        keep_beating(_beat(settings, heard), lifetime.stopping)
        _spare_the_collector()
    inbox = inbox or _store_inbox(settings)
    meters = metrics.Meters(readings)
    receiver = hooks.Receiver(hooks.doors(settings), inbox, settings.webhook_max_bytes, meters, heard)
    app = _bare_app()
    app.register_blueprint(hooks.blueprint(receiver))
    app.register_blueprint(health.blueprint(inbox.ready, lifetime.stopping))
    app.register_blueprint(metrics.blueprint(meters))
    app.register_blueprint(api.blueprint(settings))
    if settings.feed_key:
        app.register_blueprint(feeds.blueprint(feeds.Feed(settings, items or _stored_items(settings))))
    app.extensions |= {"receiver": receiver, "failed": _failed}
    return app


def _store_inbox(settings: Settings) -> Inbox:
    from app.services import build_inbox  # noqa: PLC0415 - whoever brings an inbox needs no store

    inbox = LateInbox(partial(build_inbox, settings))
    inbox.open_early()
    return inbox


def _store_numbers(settings: Settings) -> metrics.StoreReadings:
    from app.web.readings import StoreNumbers  # noqa: PLC0415 - as above

    return StoreNumbers(settings)


def _beat(settings: Settings, heard: Heard) -> Callable[[], bool]:
    from app.services import build_services  # noqa: PLC0415 - as above

    return late(lambda: partial(heard.tell, build_services(settings).heartbeat.beat))


def _stored_items(settings: Settings) -> feeds.ReadItems:
    from app.web.catalogue import StoredItems  # noqa: PLC0415 - as above

    return StoredItems(settings)


def _spare_the_collector() -> None:
    """What is loaded stays, and deliveries leave next to no cycles: to look for them often is in vain."""
    gc.freeze()
    gc.set_threshold(50_000)


def _bare_app() -> Flask:
    """Flask with short JSON errors, no static files and no redirects (a redirected POST is a lost one)."""
    app = Flask("app.web", static_folder=None)
    app.url_map.merge_slashes = False
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, lambda error: _failed(error).answer())
    return app


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    allowed = getattr(error, "valid_methods", None)
    extra = [("Allow", ", ".join(sorted(allowed)))] if allowed else []
    return answer(status, {"error": error.name.lower()}, extra)


def _failed(error: Exception) -> Reply:
    log.error("request.failed", exc_info=error)
    return reply(500, {"error": "internal error"})

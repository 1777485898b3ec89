"""The end-to-end probe: what it proves, what it finds broken, and whom it pings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.alerts.book import Unsent
from app.queue import PROBE, PROBE_QUEUE, make_celery
from app.services import Services
from app.settings import Secret
from tasks.probe import probe
from tests.integration.engine import Engine
from tests.listeners import Listener, listening
from tests.servers import free_port, wait_until
from tests.stores import Clock
from workers.watch import Watch

pytestmark = pytest.mark.server


@pytest.fixture
def here(services: Services, listener: Listener) -> Callable[..., Services]:
    """Services that ping the listener, with a dispatcher and a watch that have just been at work."""
    services.transmissions.tick("process", 4)
    Watch(lambda: services).round()

    def with_settings(**changes: Any) -> Services:
        changed = replace(services.settings, deadman_url=Secret(f"{listener.url}/ping?key=1"), **changes)
        return replace(services, settings=changed)

    return with_settings


def test_everything_works(here: Callable[..., Services], listener: Listener):
    assert probe(here(relay_public_url=listener.url)) == ""
    assert [(one.method, one.path) for one in listener.heard] == [("GET", "/readyz"), ("GET", "/ping?key=1")]
    last = here().alerts.probe()
    assert last is not None
    assert (last.completed_at, last.problem) == (last.tried_at, "")


def test_the_receiver_is_not_ready(here: Callable[..., Services], listener: Listener):
    listener.status = lambda path: 503
    problem = probe(here(relay_public_url=listener.url))
    assert problem == f"the receiver is not ready at {listener.url}/readyz: it answered 503"
    assert [one.path for one in listener.heard] == ["/readyz"]
    last = here().alerts.probe()
    assert last is not None
    assert (last.completed_at, last.problem) == (None, problem)


def test_the_receiver_of_this_machine_is_asked_where_the_supervisor_runs_one(here: Callable[..., Services]):
    services = here(port=free_port())
    assert probe(services) == "", "nobody knows where it is"
    file = services.settings.data_dir / "run" / "web.pid"
    file.parent.mkdir(parents=True)
    file.write_text("1")
    assert "the connection was refused" in probe(services)


def test_no_dispatcher(here: Callable[..., Services], listener: Listener, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.probe.LOOK_SECONDS", 0.0)
    services = here()
    services.client.zadd("relay:processes", {"process 4": 1})
    assert "no dispatcher" in probe(services)
    services.client.delete("relay:processes")
    assert "no dispatcher" in probe(services)
    assert listener.heard == []


def test_nobody_judges(here: Callable[..., Services]):
    services = here()
    late = replace(services, clock=lambda: services.clock() + timedelta(minutes=3))
    assert "nobody has looked for alerts" in probe(late)


def test_an_alert_that_does_not_get_out(here: Callable[..., Services], listener: Listener):
    """Who cannot tell must not look healthy."""
    services = here()
    book, now = services.alerts.read(), services.clock()
    stuck = Unsent("id", now - timedelta(minutes=16), {}, ("webhook",), now)
    services.client.delete("alerts:turn")
    services.alerts.turn("token", 60)
    services.alerts.keep("token", replace(book, unsent=(stuck,)))
    assert "could not be sent for 15 minutes" in probe(services)
    assert listener.heard == []


def test_a_ping_that_fails_does_not_fail_the_probe(here: Callable[..., Services], listener: Listener):
    listener.status = lambda path: 500
    assert probe(here()) == ""


def test_the_watch_tells_of_a_gap_only_from_when_it_watched(services: Services):
    clock = Clock()
    watched = replace(services, clock=clock)

    def groups() -> set[str]:
        services.client.delete("alerts:turn")
        Watch(lambda: watched).round()
        return set(watched.alerts.read().groups)

    for _ in range(5):
        clock.move(60)
        assert groups() == set()
    clock.move(60)
    assert groups() == {"probe"}
    watched.alerts.probed(clock(), "")
    assert "probe" in groups(), "told within the hour, and over"
    assert not watched.alerts.read().groups["probe"].open
    # A night off is no silence.
    clock.move(8 * 3600)
    assert groups() == set()


def test_a_real_worker_takes_it_from_the_queue(engine: Engine):
    with listening() as listener:
        engine.environment["DEADMAN_URL"] = f"{listener.url}/ping"
        engine.worker(constants={"workers.watch.LOOK_SECONDS": 0.2})
        wait_until(lambda: engine.services.alerts.read().judged_at, what="the watch")
        app = make_celery(engine.valkey.url)
        with app.connection_for_write() as connection:
            app.send_task(PROBE, queue=PROBE_QUEUE, connection=connection)
        wait_until(lambda: listener.heard, what="the ping")
    last = engine.services.alerts.probe()
    assert last is not None
    assert last.problem == ""

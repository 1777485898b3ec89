"""SIGTERM to the receiver as the Procfile starts it, while the shop posts: every 200 is in the store."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.frozen.relay import Relay
from tests.frozen.story import order
from tests.integration.orders import delivery
from tests.servers import ROOT, Sandbox, Valkey, wait_until

pytestmark = pytest.mark.server

POSTERS = 4


@pytest.fixture
def relay(tmp_path: Path, valkey: Valkey, sandbox: Sandbox) -> Iterator[Relay]:
    """Its receiver alone."""
    built = Relay(ROOT, tmp_path, valkey, sandbox)
    built.command("init", "--accept-empty")
    built.start_web()
    yield built
    built.kill()


class Poster(threading.Thread):
    """Posts one order after the other on new connections, until nobody listens any more."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self._url, self._number = url, number
        self.taken: list[str] = []

    def run(self) -> None:
        try:
            for nth in range(100_000):
                one = order(f"POSTED-{self._number}-{nth}")
                if requests.post(self._url, data=delivery(one), auth=("demo", "demo"), timeout=30).ok:
                    self.taken.append(one.id)
        except requests.ConnectionError:
            return


def test_what_was_answered_200_until_the_end_is_in_the_store(relay: Relay):
    posters = [Poster(relay.at("/webhooks/ultracart/DEMO"), number) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    wait_until(lambda: all(poster.taken for poster in posters), what="deliveries from everybody")
    before = sum(len(poster.taken) for poster in posters)
    os.kill(relay.web.pid, signal.SIGTERM)
    wait_until(lambda: requests.get(relay.at("/readyz"), timeout=3).status_code == 503, what="its notice")
    wait_until(lambda: sum(len(one.taken) for one in posters) > before + POSTERS, what="more of them")
    assert relay.web.process
    assert relay.web.process.wait(60) == 0
    for poster in posters:
        poster.join(60)
    stored = {t["s"].removeprefix("order:") for t in relay.transmissions()}
    assert {one for poster in posters for one in poster.taken} <= stored

"""The polls as beat and a real worker run them."""

import sys

import pytest

from app.services import utc_now
from tests.contract.shops import ShopAt, affiliate, item
from tests.servers import Server, wait_until

pytestmark = pytest.mark.server

CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.celery_app")


@pytest.fixture
def processes(tmp_path, environment):
    env = {**environment, "ITEM_POLL_SECONDS": "1", "AFFILIATE_POLL_SECONDS": "1"}
    beat = Server(
        [*CELERY, "beat", "--schedule", str(tmp_path / "schedule"), "--pidfile=", "-l", "WARNING"],
        tmp_path / "beat.log",
        env,
    )
    worker = Server(
        [
            *CELERY,
            "worker",
            "-P",
            "threads",
            "-c",
            "1",
            "-Q",
            "item_polling",
            "-n",
            "items@%h",
            "-l",
            "WARNING",
        ],
        tmp_path / "items.log",
        env,
    )
    for server in (beat, worker):
        server.start()
    yield beat, worker
    for server in (beat, worker):
        server.kill()


def test_beat_and_a_worker_keep_the_catalogue(services, sandbox, processes):
    shop = ShopAt(sandbox)
    shop.fill(items=[item(1)], affiliates=[affiliate(1)])
    wait_until(lambda: services.catalogue.read("DEMO"), 30, "the first item")
    wait_until(lambda: services.log.events().get("accepted") == 2, 30, "the affiliate")
    shop.fill(items=[item(2, last_modified_dts=utc_now().isoformat())])
    wait_until(lambda: len(services.catalogue.read("DEMO")) == 2, 30, "the second item")

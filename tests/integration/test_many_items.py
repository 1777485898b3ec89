"""A large catalogue, bad items in it, from the shop to ONTRAPORT and into the feed.

By hand, ten thousand: `MANY_ITEMS=10000 pytest -s tests/integration/test_many_items.py`.
It prints what it took.
"""

import csv
import io
import os
import re
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from app.services import Services, build_services, utc_now
from app.settings import load_settings
from tasks.item_polling import poll_items
from tasks.poll_runs import PollReport
from tests.contract.shops import ShopAt, item
from tests.integration.engine import ACCOUNT
from tests.servers import Sandbox, Valkey, Web, Worker, wait_until

pytestmark = pytest.mark.server

MANY = int(os.environ.get("MANY_ITEMS", "300"))
KEY = {"X-Api-Key": "of-the-feed"}
LONG = "A very long text. " * 60_000
ODD: list[dict[str, Any]] = [
    item(90_001, merchant_item_id=None),
    item(90_002, pricing={"cost": -5, "currency_code": "USD"}),
    item(90_003, pricing={"cost": 10**15, "currency_code": "USD"}),
    item(90_004, pricing=None, description=None, inactive=None, last_modified_dts=None),
    item(90_005, pricing="free"),
    item(90_006, description=LONG),
    item(90_007, merchant_item_id="item-0001"),
    item(90_008, description="=HYPERLINK(1)"),
    item(90_009, merchant_item_id="@SUM(A1)"),
    item(90_010, description='half an emoji \ud83d, "quotes", commas\r\nand lines\x00'),
    item(90_011, last_modified_dts="9999-12-31T23:59:59-05:00"),
    item(90_012, merchant_item_id=""),
]
# No id twice, a negative price, an absurd one, one that is no object.
DEAD = 5


class Filled:
    """A relay that has polled the whole catalogue and delivered it, and what that took."""

    def __init__(self, directory: Path, valkey: Valkey, sandbox: Sandbox) -> None:
        environment = {
            "REDIS_URL": valkey.url,
            "RELAY_DATA_DIR": str(directory / "var"),
            "SANDBOX_PORT": str(sandbox.port),
            "ONTRAPORT_RATE_PER_MINUTE": "60000",
            "FEED_KEY": "of-the-feed",
        }
        self.services: Services = build_services(load_settings(environment))
        self.worker = Worker(directory, environment, threads=6)
        self.web = Web(directory, environment)
        self.seconds: dict[str, float] = {}

    def fill(self, shop: ShopAt) -> None:
        """From the shop to ONTRAPORT."""
        rows = [item(number) for number in range(1, MANY + 1)]
        middle = MANY // 2
        for start in range(0, middle, 1000):
            shop.fill(items=rows[start : min(start + 1000, middle)])
        shop.fill(items=ODD)
        for start in range(middle, MANY, 1000):
            shop.fill(items=rows[start : start + 1000])
        self.web.start()
        begun = time.monotonic()
        self.polled = self.poll()
        self.seconds["poll"] = time.monotonic() - begun
        self.worker.start()
        begun = time.monotonic()
        wait_until(lambda: not self.moving(), 60 + MANY / 10, "the end of all items", 0.2)
        self.seconds["delivery"] = time.monotonic() - begun

    def poll(self) -> PollReport:
        """All rounds of a poll, as beat starts them, until it is through."""
        merchant, seen = self.services.settings.merchants["DEMO"], 0
        while True:
            report = poll_items(self.services, merchant)
            seen += report.seen
            if report.ending != "stopped":
                return replace(report, seen=seen)

    def moving(self) -> int:
        """How many items are on their way."""
        states = self.services.log.counts(ACCOUNT).states.get("item", {})
        return sum(states.get(state, 0) for state in ("ready", "held", "running", "retrying"))

    def page(self, path: str = "/feeds/items", **query: Any) -> requests.Response:
        """One page of the feed."""
        return requests.get(f"{self.web.base}{path}", params=query, headers=KEY, timeout=60)

    def letters(self) -> list[str]:
        """Why items need a person."""
        return [letter.reason for letter in self.services.dead_letters.list(ACCOUNT, limit=1000)]

    def close(self) -> None:
        """Ends what was started."""
        self.worker.kill()
        self.web.kill()
        self.services.client.close()


def peak_megabytes(pid: int) -> int:
    """The most memory that a process ever held."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, shared_valkey: Valkey, shared_sandbox: Sandbox
) -> Iterator[Filled]:
    shared_valkey.client.flushall()
    shared_sandbox.reset()
    shared_sandbox.faults()
    relay = Filled(tmp_path_factory.mktemp("many"), shared_valkey, shared_sandbox)
    try:
        relay.fill(ShopAt(shared_sandbox))
        yield relay
    finally:
        relay.close()


def ids() -> set[str]:
    return {row["merchant_item_id"] for row in ODD if row["merchant_item_id"]} | {
        f"ITEM-{number:04}" for number in range(1, MANY + 1)
    }


def feed_pages(filled: Filled, path: str = "/feeds/items", limit: int = 2000) -> list[requests.Response]:
    total = int(filled.page(path, limit=1).headers["X-Total-Count"])
    return [filled.page(path, limit=limit, offset=offset) for offset in range(0, total, limit)]


def test_bad_items_stop_neither_the_poll_nor_the_others(filled: Filled, shared_sandbox: Sandbox):
    assert (filled.polled.ending, filled.polled.seen) == ("done", MANY + len(ODD))
    states = filled.services.log.counts(ACCOUNT).states["item"]
    assert {state: number for state, number in states.items() if number} == {
        "delivered": MANY + len(ODD) - DEAD,
        "dead": DEAD,
    }
    assert {row["external_id"] for row in shared_sandbox.ledger()["products"]} >= {
        f"ITEM-{number:04}" for number in range(1, MANY + 1)
    }


def test_each_dead_letter_says_which_item_and_why(filled: Filled):
    reasons = sorted(reason.partition(". ")[0] for reason in filled.letters())
    assert reasons == [
        "Item ITEM-90002 has a negative price: -5.00",
        "Item ITEM-90003 holds something that cannot be: pricing.cost is an absurd number",
        "Item ITEM-90005 holds something that cannot be: pricing is no object",
        "The item has no item id (merchant_item_id)",
        "The item has no item id (merchant_item_id)",
    ]


def test_the_catalogue_and_the_feed_are_complete(filled: Filled):
    assert {row.id for row in filled.services.catalogue.read("DEMO")} == ids()
    begun = time.monotonic()
    pages = feed_pages(filled)
    filled.seconds["feed"] = time.monotonic() - begun
    listed = [row["id"] for page in pages for row in page.json()["items"]]
    assert listed == sorted(ids())
    assert [page.json()["next_offset"] is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert {len(page.json()["items"]) for page in pages[:-1]} <= {2000}


def test_small_pages_tell_the_same(filled: Filled):
    pages = feed_pages(filled, limit=97) if MANY < 2000 else feed_pages(filled, limit=499)
    assert [row["id"] for page in pages for row in page.json()["items"]] == sorted(ids())


def test_what_is_known_already_is_not_sent_again(filled: Filled):
    first = filled.page(limit=2000)
    again = requests.get(
        f"{filled.web.base}/feeds/items",
        params={"limit": 2000},
        headers=KEY | {"If-None-Match": first.headers["ETag"]},
        timeout=60,
    )
    assert (again.status_code, again.content) == (304, b"")
    assert filled.page(since="2099-01-01T00:00:00Z").json()["items"] == []
    earliest = min(row["noted_at"] for row in first.json()["items"])
    assert filled.page(since=earliest, limit=1).json()["total"] == len(ids())


def test_no_cell_of_the_csv_is_a_formula(filled: Filled):
    csv.field_size_limit(2 * len(LONG))
    texts = [page.content.decode() for page in feed_pages(filled, "/feeds/items.csv")]
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert len(rows) == len(ids())
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))] == []
    by_id = {row["id"]: row for row in rows}
    assert by_id["ITEM-90008"]["description"] == "'=HYPERLINK(1)"
    assert "'@SUM(A1)" in by_id


def test_a_repaired_item_is_delivered(filled: Filled, shared_sandbox: Sandbox):
    price = {"cost": 5, "currency_code": "USD"}
    repaired = item(90_002, pricing=price, last_modified_dts=utc_now().isoformat())
    ShopAt(shared_sandbox).fill(items=[repaired])
    assert filled.poll().changed == 1
    wait_until(lambda: not filled.moving(), 30, "the end of all items")
    assert len(filled.letters()) == DEAD - 1


def test_the_relay_is_in_good_health(filled: Filled):
    assert filled.worker.process is not None
    assert filled.worker.process.poll() is None
    assert '"level":"error"' not in filled.worker.log.read_text("utf-8", "replace")
    took = {name: round(seconds, 1) for name, seconds in filled.seconds.items()}
    memory = {"worker": peak_megabytes(filled.worker.pid), "poll and test": self_megabytes()}
    print(f"\n{MANY} items: seconds {took}, MB at most {memory}")  # noqa: T201 - asked for by hand


def self_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

"""The bench measures what it says: its orders are sales, its load generator counts only what is owned."""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import orjson
import pytest

from app.events import Event
from app.relay.sales import SalePlan, plan_sale
from app.settings import MappingRules
from app.ultracart.parse import parse_delivery
from tests.bench.load import Target, post_all
from tests.bench.orders import EventPool, delivery, event_json, order, order_id
from tests.bench.report import Figure, Part, markdown

HERE = Path(__file__).parent


def test_every_order_of_the_bench_is_a_sale_of_2_7_kb():
    texts = [event_json(order(number)) for number in range(1, 41)]
    for number, event in enumerate(parse_delivery(delivery(texts), "DEMO"), 1):
        assert isinstance(event, Event)
        plan = plan_sale(event.name, event.payload, MappingRules(), None)
        assert isinstance(plan, SalePlan)
        assert plan.order_id == order_id(number)
        assert sum(line.price * line.quantity for line in plan.lines) == plan.total
    assert all(2550 < len(text) < 2850 for text in texts)


def test_the_pool_never_repeats_an_order_or_a_customer():
    bodies = list(itertools.islice(EventPool(3).deliveries(100, 5), 4))
    orders = [event["order_create"] for body in bodies for event in orjson.loads(body)["events"]]
    assert [one["order_id"] for one in orders] == [order_id(number) for number in range(100, 120)]
    assert len({one["billing"]["email"] for one in orders}) == 20


@pytest.fixture
def every_third_refused():
    answers = itertools.cycle((200, 200, 503))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(next(answers))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_only_2xx_answers_count(every_third_refused):
    target = Target(every_third_refused, "/webhooks/ultracart", "bench", "secret")
    seen = post_all(target, iter([b"{}"] * 9), events_per_post=20, connections=1)
    assert (len(seen.latencies), seen.refused, seen.events) == (6, 3, 120)
    assert seen.events_per_second == pytest.approx(120 / seen.seconds)


def test_a_missed_goal_is_said_plainly():
    figures = [Figure("speed", "2.0x", "≥ 3.5x", False), Figure("429s", "0", "0", True)]
    text = markdown({"cores": "2"}, [Part(figures, broken="rate: no answer")])
    assert "| speed | 2.0x | ≥ 3.5x | **missed** |" in text
    assert "| 429s | 0 | 0 | met |" in text
    assert "Broken off: rate: no answer" in text


def test_the_node_peer_pins_its_packages_without_a_lock_file():
    manifest = json.loads((HERE / "peers/bullmq/package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["dependencies"].values())
    assert {path.name for path in (HERE / "peers/bullmq").iterdir()} == {"package.json", "server.js"}

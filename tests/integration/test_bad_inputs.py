"""Every bad input of every kind ends in words that a merchant understands, and holds up nothing beside it.

Real receiver, store and worker. More of them, by hand: `BAD_INPUTS=2000 BAD_INPUTS_SEED=7` before pytest.
"""

import itertools
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.errors import FailureClass
from app.services import Services, build_services
from app.settings import load_settings
from app.store.records import Codec
from tests.integration.engine import ACCOUNT
from tests.integration.mutations import CANARY, FILES, Bad, bad, delivery, event_text, good
from tests.servers import Sandbox, Valkey, Web, Worker, wait_until

pytestmark = pytest.mark.server

SEED = os.environ.get("BAD_INPUTS_SEED", "1")
EACH = int(os.environ.get("BAD_INPUTS", "40"))
PER_POST = 20
RULES = """
[merchants.DEMO]
order_tags = ["Customer"]
affiliate_program_id = "1"
auto_order_note = true

[merchants.DEMO.order_statuses.shipped]
tag = "Shipped"
note = true
field = "Last Order Status"
tracking_field = "Tracking Numbers"

[merchants.DEMO.order_statuses.rejected]
note = true
"""
MOVING = frozenset({"ready", "running", "retrying"})
# What a programmer would write, and a merchant would not understand.
CODE = re.compile(
    r"\b\w+(Error|Exception)\b|Traceback|object at 0x|Decimal\(|<class|Not a valid|(?<!')\bNone\b|\bdict\b"
)


@dataclass
class Shown:
    """One transmission at the end."""

    kind: str
    state: str
    failure: str
    reason: str
    wrong: str


@dataclass
class Bench:
    """All processes, what was sent to them, and which event came of what."""

    services: Services
    valkey: Valkey
    worker: Worker
    web: Web
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    events: dict[str, Bad] = field(default_factory=dict)
    good: list[tuple[str, str]] = field(default_factory=list)

    def post(self, bads: list[Bad]) -> None:
        """One delivery: the bad events with a good one of every kind between them."""
        goods = [(kind, *good(kind, next(self.numbers))) for kind in FILES]
        texts = [event_text(name, payload) for _, name, payload in goods]
        half = len(texts) // 2
        ids = self._ids([*texts[:half], *(one.text for one in bads), *texts[half:]])
        assert len(ids) == len(bads) + len(goods)
        for one, event_id in zip(bads, ids[half : half + len(bads)], strict=True):
            self.events.setdefault(event_id, one)
        its = [*ids[:half], *ids[half + len(bads) :]]
        self.good += [(kind, event_id) for (kind, *_), event_id in zip(goods, its, strict=True)]

    def settle(self) -> None:
        """Returns when nothing moves any more."""
        wait_until(lambda: not self.moving(), 60 + EACH, "the end of all transmissions", 0.1)

    def moving(self) -> int:
        """How many transmissions are on their way; what is held by a dead one is not."""
        counts = self.services.log.counts(ACCOUNT).states.values()
        return sum(number for states in counts for state, number in states.items() if state in MOVING)

    def shown(self, event_id: str) -> list[Shown]:
        """What became of an event's facts."""
        wrong = self.events[event_id].wrong if event_id in self.events else "a good event"
        rows = [self.services.ledger.read(f"t:{event_id}.{number}") for number in range(1, 5)]
        return [Shown(row["k"], row["st"], row.get("f", ""), row.get("r", ""), wrong) for row in rows if row]

    def unreadable(self) -> list[str]:
        """The reasons in quarantine."""
        client: Any = self.valkey.client
        records = [client.get(b"q:" + event_id) for event_id in client.zrange("quarantine", 0, -1)]
        return [Codec().unpack_event(record)[0] for record in records]

    def logged(self) -> str:
        """What worker and receiver wrote."""
        return self.worker.log.read_text("utf-8", "replace") + self.web.log.read_text("utf-8", "replace")

    def _ids(self, texts: list[str]) -> list[str]:
        answers: list[Any] = []

        def taken() -> bool:
            answer = self.web.post(delivery(texts))
            answers.append(answer)
            return answer.status_code == 200

        wait_until(taken, 60, "a 200")
        ids: list[str] = json.loads(answers[-1].content)["ids"]
        return ids


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, shared_valkey: Valkey, shared_sandbox: Sandbox
) -> Iterator[Bench]:
    """Everything was sent, and has ended."""
    directory = tmp_path_factory.mktemp("bad")
    shared_valkey.client.flushall()
    shared_sandbox.reset()
    shared_sandbox.faults()
    (directory / "relay.toml").write_text(RULES)
    environment = {
        "REDIS_URL": shared_valkey.url,
        "RELAY_DATA_DIR": str(directory / "var"),
        "RELAY_CONFIG": str(directory / "relay.toml"),
        "SANDBOX_PORT": str(shared_sandbox.port),
        "ONTRAPORT_RATE_PER_MINUTE": "60000",
    }
    services = build_services(load_settings(environment))
    worker, web = Worker(directory, environment, threads=6), Web(directory, environment)
    try:
        worker.start()
        web.start()
        yield filled(Bench(services, shared_valkey, worker, web))
    finally:
        worker.kill()
        web.kill()
        services.client.close()


def filled(bench: Bench) -> Bench:
    """Sends everything in one order that the seed alone decides."""
    bads = [
        one
        for kind in FILES
        for one in itertools.islice(bad(kind, bench.numbers, random.Random(f"{SEED} {kind}")), EACH)
    ]
    random.Random(SEED).shuffle(bads)
    for start in range(0, len(bads), PER_POST):
        bench.post(bads[start : start + PER_POST])
    bench.settle()
    return bench


def everything(bench: Bench) -> list[Shown]:
    return [shown for event_id in bench.events for shown in bench.shown(event_id)]


def test_every_one_has_an_end(bench: Bench):
    """Held is what waits behind a dead one of its own subject, as a refund does behind its sale."""
    ended = {"delivered", "skipped", "dead", "held"}
    assert [shown for shown in everything(bench) if shown.state not in ended] == []
    assert [shown for shown in everything(bench) if shown.state == "held" and shown.kind != "refund"] == []
    kinds = {(shown.kind, shown.state) for shown in everything(bench)}
    assert {(kind, "delivered") for kind in FILES} <= kinds
    assert {("sale", "dead"), ("item", "dead"), ("affiliate_signup", "dead")} <= kinds


def test_nothing_good_is_held_up(bench: Bench):
    ends = {
        (kind, event_id): [one.state for one in bench.shown(event_id) if one.kind == kind]
        for kind, event_id in bench.good
    }
    assert {key: states for key, states in ends.items() if states != ["delivered"]} == {}


def test_who_is_told_understands_why(bench: Bench):
    told = [shown for shown in everything(bench) if shown.state in ("dead", "skipped")]
    assert [shown for shown in told if not 5 < len(shown.reason) < 400 or CODE.search(shown.reason)] == []
    dead = [shown for shown in told if shown.state == "dead"]
    assert [shown for shown in dead if " " not in shown.reason or not shown.reason[0].isupper()] == []
    assert [shown for shown in dead if shown.failure == FailureClass.POISON] == []
    unreadable = bench.unreadable()
    assert unreadable
    assert [reason for reason in unreadable if not 5 < len(reason) < 400 or CODE.search(reason)] == []


def test_a_reason_names_what_is_wrong(bench: Bench):
    """By the field's name, or by the word that people use for it."""
    words = {"email": "e-mail", "items": "item", "summary": "sums", "rebill_orders": "whose it is"}
    words |= {"pricing": "price", "cost": "price", "payment_dts": "paid", "creation_dts": "paid"}
    odd = [
        shown
        for shown in everything(bench)
        if shown.state == "dead"
        and not any(
            part in shown.reason or words.get(part, part) in shown.reason
            for part in re.findall(r"[a-z_0-9]{4,}", shown.wrong.partition(": ")[2])
        )
    ]
    assert odd == []


def test_no_reason_and_no_log_holds_who_it_is_about(bench: Bench):
    told = [*(shown.reason for shown in everything(bench)), *bench.unreadable()]
    assert [reason for reason in told if CANARY in reason.casefold()] == []
    assert CANARY not in bench.logged().casefold()


def test_nobody_fell(bench: Bench):
    for server in (bench.worker, bench.web):
        assert server.process is not None
        assert server.process.poll() is None
    children = Path(f"/proc/{bench.web.pid}/task/{bench.web.pid}/children").read_text().split()
    assert len(children) == 1
    logged = bench.logged()
    assert "Traceback" not in logged
    assert '"level":"error"' not in logged
    assert not {"ended_leases", "poisoned"} & set(bench.services.log.engine())

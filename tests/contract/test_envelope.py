"""What the scripts push is what celery and kombu write: they decode it into the right task and id."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from celery import Celery
from celery.worker.request import Request
from kombu.message import Message

from app.events import Kind
from app.queue import TRANSPORT, envelope, envelopes, make_celery, task_name
from app.services import utc_now
from app.store.inbox import Inbox
from app.store.scripting import Scripts, tables
from tasks.registry import Buried, register
from tests.servers import Valkey
from tests.stores import ACCOUNT, EXCHANGE_SECONDS, MARK, PAYLOAD_SECONDS, arrival, fact

pytestmark = pytest.mark.server


@cache
def made() -> Mapping[Kind, str]:
    """The envelopes, made once."""
    return envelopes()


class Broker:
    """The installed celery and kombu on a store to which only our scripts have written."""

    def __init__(self, valkey: Valkey) -> None:
        self.client = valkey.client
        self.client.set("relay:instance", MARK)
        self.ran: list[str] = []
        self.answer: tuple[str | None, str] = ("delivered", "invoice 42")
        self.app: Celery = make_celery(valkey.url)
        register(self.app, self._run)
        self.app.finalize()
        self.connection = self.app.connection_for_read()
        self.channel = self.connection.default_channel

    def _run(self, transmission_id: str) -> tuple[str | None, str]:
        self.ran.append(transmission_id)
        return self.answer

    def admit(self, kind: Kind, **payload: Any) -> str:
        """Admits one fact; the transmission's id."""
        inbox = Inbox(
            self.client,
            Scripts(self.client, made()),
            mark=MARK,
            payload_seconds=PAYLOAD_SECONDS,
            exchange_seconds=EXCHANGE_SECONDS,
            clock=utc_now,
        )
        item = arrival(fact(f"order:{kind}", kind), **payload)
        return inbox.admit([item], "DEMO").ids[0] + ".1"

    def take(self, kind: Kind) -> Message:
        """The next message of a queue, as a worker takes it."""
        message: Message | None = self.channel.basic_get(kind.value)
        assert message is not None
        return message

    def request(self, kind: Kind) -> Request:
        """The next message as celery's own request."""
        message = self.take(kind)
        task = self.app.tasks[message.headers["task"]]
        return Request(message, app=self.app, task=task, on_ack=message.ack_log_error)


@pytest.fixture
def broker(valkey: Valkey) -> Iterator[Broker]:
    """A broker on an empty store."""
    built = Broker(valkey)
    yield built
    built.connection.release()
    built.app.close()


@pytest.mark.parametrize("kind", list(Kind))
def test_celery_reads_the_right_task_and_id_and_runs_it(broker: Broker, kind: Kind):
    tid = broker.admit(kind)
    request = broker.request(kind)
    assert (request.id, request.name) == (tid, task_name(kind))
    assert tuple(request.message.payload[0]) == (tid,)
    assert request.eta is None
    assert request.expires is None
    assert request.execute() == "invoice 42"
    assert broker.ran == [tid]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_message_bears_the_id_and_nothing_else_of_the_event(broker: Broker, kind: Kind):
    tid = broker.admit(kind, email="jane@example.com", total="1234.56", order_id="DEMO-777")
    (raw,) = broker.client.lrange(kind.value, 0, -1)
    for told in (b"jane", b"1234", b"777", ACCOUNT.encode(), b"USD", b"1000", b"DEMO"):
        assert told not in raw
    generic = json.loads(made()[kind].replace("@TID@", tid))
    message = json.loads(raw)
    generic["properties"]["delivery_tag"] = message["properties"]["delivery_tag"]
    assert message == generic


def test_a_message_is_taken_once_and_acknowledged(broker: Broker):
    broker.admit(Kind.SALE)
    message = broker.take(Kind.SALE)
    assert broker.client.llen("sale") == 0
    assert broker.client.hlen("unacked") == 1
    message.ack()
    assert broker.client.hlen("unacked") == 0
    assert broker.client.zcard("unacked_index") == 0


def test_every_wake_up_has_a_tag_of_its_own(broker: Broker):
    """Tags are the keys of what is not acknowledged: two alike would be acknowledged together."""
    scripts = Scripts(broker.client, made())
    tid = broker.admit(Kind.SALE)
    broker.client.zadd(f"handed:{ACCOUNT}:sale", {tid: 1})
    scripts.run("tick", MARK, "process", 1, 100)
    first, second = broker.take(Kind.SALE), broker.take(Kind.SALE)
    assert first.headers["id"] == second.headers["id"] == tid
    assert first.delivery_tag != second.delivery_tag
    assert broker.client.hlen("unacked") == 2
    first.ack()
    assert broker.client.hlen("unacked") == 1


def test_an_unacknowledged_message_comes_back_as_it_was(broker: Broker):
    tid = broker.admit(Kind.SALE)
    lost = broker.take(Kind.SALE)
    broker.channel.qos.restore_by_tag(lost.delivery_tag)
    assert broker.request(Kind.SALE).id == tid


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (("delivered", "invoice 42"), "SUCCESS"),
        (("skipped", "test order"), "SUCCESS"),
        ((None, "nothing to do: running"), "SUCCESS"),
        (("retrying", "503"), "RETRY"),
        (("postponed", "the gate is closed"), "RETRY"),
        (("dead", "no e-mail address"), "FAILURE"),
    ],
)
def test_a_task_ends_truthfully_and_is_never_sent_again_by_celery(
    broker: Broker, answer: tuple[str | None, str], state: str
):
    broker.answer = answer
    broker.admit(Kind.SALE)
    task = broker.app.tasks[task_name(Kind.SALE)]
    before = broker.client.llen("sale")
    result = task.apply(args=("event.1",))
    assert result.state == state
    assert answer[1] in str(result.result)
    assert broker.client.llen("sale") == before
    if state == "FAILURE":
        assert isinstance(result.result, Buried)


def test_the_envelope_is_the_same_whenever_and_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch):
    first = {kind: envelope(kind) for kind in Kind}
    monkeypatch.setenv("HOSTNAME", "elsewhere")
    assert envelopes() == first
    assert tables(first) == tables(envelopes())
    for kind, text in first.items():
        assert text.count("@TAG@") == 1
        assert json.loads(text)["headers"]["task"] == task_name(kind)


def test_the_envelope_is_written_as_the_worker_reads(broker: Broker):
    message = json.loads(envelope(Kind.SALE))
    assert message["properties"]["body_encoding"] == TRANSPORT["body_encoding"]
    assert message["content-type"] == "application/json"
    assert message["content-type"].rpartition("/")[2] in broker.app.conf.accept_content
    assert message["properties"]["delivery_info"]["routing_key"] == "sale"
    assert TRANSPORT["priority_steps"] == [0]

"""Admission's own connections: every caller gets its own answer and no other, whatever happens to them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from app.store.connection import connect
from app.store.wire import STILL_SECONDS, Wire
from tests.servers import Valkey, wait_until

pytestmark = pytest.mark.server

ECHO = """#!lua
if ARGV[1] == 'no' then return redis.error_reply('NO') end
return {ARGV[1], redis.call('INCR', 'n')}
"""


def build(valkey: Valkey, seconds: float = 2.0) -> Wire:
    return Wire(connect(valkey.url, tls_verify=True, timeout_seconds=seconds), ECHO)


@pytest.fixture
def wire(valkey: Valkey) -> Wire:
    return build(valkey)


def soon(seconds: float = 2.0) -> float:
    return time.monotonic() + seconds


def echo(wire: Wire, word: str, seconds: float = 60.0) -> str:
    answer: list[bytes] = wire.run((word,), soon(seconds))
    return answer[0].decode()


def test_threads_get_their_own_answers(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    words = [f"word-{number}" for number in range(400)]
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda word: echo(wire, word), words)) == words
    assert valkey.client.get("n") == b"400"
    assert len(valkey.connections() - others) <= 16


def test_one_thread_needs_one_connection(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    for number in range(10):
        assert echo(wire, str(number)) == str(number)
    assert len(valkey.connections() - others) == 1


def test_what_the_script_refuses_is_the_callers_alone(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    assert echo(wire, "a") == "a"
    with pytest.raises(redis.ResponseError, match="NO"):
        echo(wire, "no")
    assert echo(wire, "b") == "b"
    assert len(valkey.connections() - others) == 1


def test_a_script_that_the_server_forgot_is_loaded_and_run_once(wire: Wire, valkey: Valkey) -> None:
    assert echo(wire, "a") == "a"
    valkey.client.script_flush()
    assert echo(wire, "b") == "b"
    assert valkey.client.get("n") == b"2"


def test_a_connection_that_was_closed_while_it_lay_still_costs_nobody_a_delivery(
    wire: Wire, valkey: Valkey, others: set[str]
) -> None:
    assert echo(wire, "a") == "a"
    (before,) = valkey.connections() - others
    valkey.client.client_kill_filter(_id=before)
    time.sleep(2 * STILL_SECONDS)
    assert echo(wire, "b") == "b"
    assert before not in valkey.connections()


def test_a_late_answer_is_never_taken_for_the_next_ones(wire: Wire, valkey: Valkey) -> None:
    assert echo(wire, "early") == "early"
    with valkey.frozen(), pytest.raises(redis.TimeoutError):
        echo(wire, "late", seconds=0.2)
    assert echo(wire, "next") == "next"


def test_a_server_that_hangs_is_given_up_by_everybody(valkey: Valkey) -> None:
    wire = build(valkey, seconds=0.3)
    echo(wire, "a")

    def ask(number: int) -> None:
        with pytest.raises(redis.TimeoutError):
            echo(wire, str(number), seconds=0.3)

    with valkey.frozen(), ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [None] * 8
    wait_until(lambda: echo(wire, "b") == "b", what="the server")


def test_without_time_nothing_is_waited_for(wire: Wire) -> None:
    with pytest.raises(redis.TimeoutError):
        wire.run(("x",), soon(-1.0))
    assert echo(wire, "y") == "y"

"""Admission's own connections: every caller gets its own answer and no other, whatever happens to them."""

import threading
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


def echo(wire: Wire, word: str, seconds: float = 2.0) -> str:
    answer: list[bytes] = wire.run((word,), soon(seconds))
    return answer[0].decode()


@pytest.fixture
def others(valkey: Valkey) -> set[str]:
    """Connections that were there before the test."""
    return ids(valkey)


def ids(valkey: Valkey) -> set[str]:
    return {one["id"] for one in valkey.client.client_list()}


def test_threads_get_their_own_answers(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    words = [f"word-{number}" for number in range(400)]
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda word: echo(wire, word), words)) == words
    assert valkey.client.get("n") == b"400"
    assert len(ids(valkey) - others) <= 16


def test_one_thread_needs_one_connection(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    for number in range(10):
        assert echo(wire, str(number)) == str(number)
    assert len(ids(valkey) - others) == 1


def test_what_the_script_refuses_is_the_callers_alone(wire: Wire, valkey: Valkey, others: set[str]) -> None:
    assert echo(wire, "a") == "a"
    with pytest.raises(redis.ResponseError, match="NO"):
        echo(wire, "no")
    assert echo(wire, "b") == "b"
    assert len(ids(valkey) - others) == 1


def test_a_script_that_the_server_forgot_is_loaded_and_run_once(wire: Wire, valkey: Valkey) -> None:
    assert echo(wire, "a") == "a"
    valkey.client.script_flush()
    assert echo(wire, "b") == "b"
    assert valkey.client.get("n") == b"2"


def test_a_connection_that_was_closed_while_it_lay_still_costs_nobody_a_delivery(
    wire: Wire, valkey: Valkey, others: set[str]
) -> None:
    assert echo(wire, "a") == "a"
    (before,) = ids(valkey) - others
    valkey.client.client_kill_filter(_id=before)
    time.sleep(2 * STILL_SECONDS)
    assert echo(wire, "b") == "b"
    assert before not in ids(valkey)


def test_a_late_answer_is_never_taken_for_the_next_ones(wire: Wire, valkey: Valkey) -> None:
    assert echo(wire, "early") == "early"
    valkey.client.client_pause(1800, all=True)
    began = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        echo(wire, "late", seconds=0.2)
    assert time.monotonic() - began < 1.5
    assert echo(wire, "next") == "next"


def test_a_server_that_hangs_is_given_up_by_everybody_in_time(valkey: Valkey) -> None:
    wire = build(valkey, seconds=0.3)
    ended: list[float] = []

    def ask() -> None:
        with pytest.raises(redis.TimeoutError):
            echo(wire, "x", seconds=0.3)
        ended.append(time.monotonic())

    echo(wire, "a")
    valkey.client.client_pause(3000, all=True)
    began = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8
    assert max(ended) - began < 2.5
    wait_until(lambda: echo(wire, "b") == "b", what="the server")


def test_without_time_nothing_is_waited_for(wire: Wire) -> None:
    with pytest.raises(redis.TimeoutError):
        wire.run(("x",), soon(-1.0))
    assert echo(wire, "y") == "y"

"""The receiver under the real server, spoken to byte by byte."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.receiver import LIMIT, PATH, basic, delivery, order
from tests.receiver_server import Running, drained, running, wait_for

pytestmark = pytest.mark.server

CLOSE = "Connection: close"
CHUNKED = "Transfer-Encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Running]:
    with running() as up:
        yield up


@pytest.fixture
def own_receiver() -> Iterator[Running]:
    with running() as up:
        yield up


def head(*headers: str, method: str = "POST", path: str = PATH, authorized: bool = True) -> bytes:
    credentials = [f"Authorization: {basic()}"] if authorized else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *credentials, *headers, "", ""]).encode()


def length(size: int) -> str:
    return f"Content-Length: {size}"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def posted(body: bytes, *headers: str) -> bytes:
    return head(length(len(body)), *headers) + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_a_delivery_with_a_length(receiver: Running) -> None:
    answer = receiver.ask(posted(delivery(order("LENGTH")), CLOSE))
    assert status(answer) == 200
    assert b"content-length: " in answer.lower()
    assert b"granian" not in answer.lower()
    assert "LENGTH" in receiver.kept()[0]


def test_a_chunked_delivery(receiver: Running) -> None:
    body = delivery(order("CHUNKED"))
    answer = receiver.ask(head(CHUNKED, CLOSE), chunk(body[:9]), chunk(body[9:]), LAST_CHUNK)
    assert status(answer) == 200
    assert "CHUNKED" in receiver.kept()[0]


def test_a_body_that_drips_is_read_while_others_are_served(receiver: Running) -> None:
    body = delivery(order("DRIP"))
    with receiver.connect() as slow:
        slow.sendall(head(length(len(body)), CLOSE))
        for n in range(0, len(body), 60):
            slow.sendall(body[n : n + 60])
            assert status(receiver.ask(posted(delivery(order(f"BESIDE-{n}")), CLOSE))) == 200
        assert status(drained(slow)) == 200


def test_a_chunked_body_beyond_the_limit_is_413_and_dropped(receiver: Running) -> None:
    before = receiver.kept()
    with receiver.connect() as connection:
        connection.sendall(head(CHUNKED))
        with suppress(OSError):  # the server hangs up in the middle
            for _ in range(200):
                connection.sendall(chunk(b"x" * LIMIT))
        assert status(drained(connection)) == 413
    assert receiver.kept() == before


def test_an_announced_size_beyond_the_limit_is_413_before_anything_is_sent(receiver: Running) -> None:
    answer = receiver.ask(head(length(LIMIT + 1), "Expect: 100-continue", authorized=False))
    assert status(answer) == 413


def test_wrong_credentials_are_401_without_asking_for_the_body(receiver: Running) -> None:
    answer = receiver.ask(head(length(10), "Expect: 100-continue", authorized=False))
    assert status(answer) == 401


def test_the_body_is_asked_for_with_the_right_credentials(receiver: Running) -> None:
    body = delivery(order("EXPECTED"))
    with receiver.connect() as connection:
        connection.sendall(head(length(len(body)), "Expect: 100-continue", CLOSE))
        assert status(connection.recv(1000)) == 100
        connection.sendall(body)
        assert status(drained(connection)) == 200


@pytest.mark.parametrize("ending", ["close", "half-close", "reset"])
def test_a_client_that_goes_away_delivered_nothing(receiver: Running, ending: str) -> None:
    before = receiver.kept()
    body = delivery(order(f"GONE-{ending}"))
    with receiver.connect() as connection:
        connection.sendall(head(length(len(body) + 1)) + body)
        if ending == "half-close":
            connection.shutdown(1)
            assert status(drained(connection)) == 400
        elif ending == "reset":
            connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: 0 seconds
    receiver.ask(posted(delivery(order(f"AFTER-{ending}")), CLOSE))
    assert receiver.kept() == ([*before[0], f"AFTER-{ending}"], before[1])


@pytest.mark.parametrize("broken", [b"", b"5\r\nab", b"ZZ\r\n", b"-1\r\n", b"5;x"])
def test_a_chunked_body_that_breaks_is_no_event(receiver: Running, broken: bytes) -> None:
    before, _ = receiver.kept()
    with receiver.connect() as connection:
        connection.sendall(head(CHUNKED) + chunk(delivery(order("BROKEN"))[:-2]) + broken)
        connection.shutdown(1)
        drained(connection)
    assert receiver.kept()[0] == before


def test_a_length_beside_a_transfer_coding_smuggles_nothing(receiver: Running) -> None:
    hidden = posted(delivery(order("HIDDEN")), CLOSE)
    answer = receiver.ask(head(CHUNKED, length(3)), chunk(delivery(order("OUTER"))), LAST_CHUNK, hidden)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "HIDDEN" not in receiver.kept()[0]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_what_is_not_a_post_is_405(receiver: Running, method: str) -> None:
    answer = receiver.ask(head(CLOSE, method=method))
    assert status(answer) == 405
    assert b"allow: post" in answer.lower()


def test_requests_on_one_connection_keep_their_bodies_apart(receiver: Running) -> None:
    """After an early refusal the unread body must not be taken for the next request."""
    inner = posted(delivery(order("SMUGGLED")), CLOSE)
    refused = head(length(len(inner)), authorized=False) + inner
    answer = receiver.ask(refused, posted(delivery(order("NEXT")), CLOSE))
    assert status(answer) == 401
    keys, _ = receiver.kept()
    assert "SMUGGLED" not in keys
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[2:]] == [b"200"] * ("NEXT" in keys)


def test_many_deliveries_on_one_connection(receiver: Running) -> None:
    bodies = [posted(delivery(order(f"KEPT-ALIVE-{n}"))) for n in range(20)]
    answer = receiver.ask(*bodies, posted(delivery(order("LAST")), CLOSE))
    assert answer.count(b"HTTP/1.1 200") == 21


def ready(receiver: Running) -> int:
    return status(receiver.ask(head(CLOSE, method="GET", path="/readyz")))


def test_sigterm_refuses_readiness_first_then_finishes_what_is_in_flight(own_receiver: Running) -> None:
    assert ready(own_receiver) == 200
    own_receiver.process.send_signal(signal.SIGTERM)
    wait_for(lambda: ready(own_receiver) == 503)
    assert status(own_receiver.ask(posted(delivery(order("LATE")), CLOSE))) == 200
    with own_receiver.connect() as slow:
        slow.sendall(posted(delivery(order("SLOW")), CLOSE))
        wait_for(lambda: own_receiver.begun() == 2)
        own_receiver.process.send_signal(signal.SIGTERM)  # does not wait for the rest of the notice
        wait_for(lambda: not own_receiver.listens())
        assert status(drained(slow)) == 200
    assert own_receiver.process.wait(20) == 0


def test_the_notice_has_an_end() -> None:
    with running(notice_seconds=0.1) as receiver:
        receiver.process.send_signal(signal.SIGTERM)
        assert receiver.process.wait(20) == 0


def test_the_log_is_json_and_whole_to_the_last_line(own_receiver: Running) -> None:
    for n in range(50):
        own_receiver.ask(posted(delivery(order(f"LOGGED-{n}")), CLOSE))
    os.killpg(own_receiver.process.pid, signal.SIGTERM)
    assert own_receiver.process.wait(20) == 0
    events = [line["event"] for line in own_receiver.logged()]
    assert events.count("delivery.received") == 50
    assert any("Listening at" in event for event in events)


def test_a_signal_to_everybody_finishes_what_is_in_flight_too(own_receiver: Running) -> None:
    with own_receiver.connect() as slow:
        slow.sendall(posted(delivery(order("SLOW")), CLOSE))
        wait_for(lambda: own_receiver.begun() == 1)
        os.killpg(own_receiver.process.pid, signal.SIGTERM)
        assert status(drained(slow)) == 200
    assert own_receiver.process.wait(20) == 0


def test_a_killed_worker_is_replaced(own_receiver: Running) -> None:
    (worker,) = own_receiver.children()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: own_receiver.children() not in ([], [worker]))
    wait_for(own_receiver.alive)
    assert status(own_receiver.ask(posted(delivery(order()), CLOSE))) == 200


def test_a_worker_whose_main_process_was_killed_ends_too(own_receiver: Running) -> None:
    own_receiver.process.kill()
    own_receiver.process.wait()
    wait_for(lambda: not own_receiver.listens())


@pytest.fixture(scope="module")
def hurried() -> Iterator[Running]:
    """A receiver to whom two seconds are long."""
    with running(longest_seconds=2) as up:
        yield up


@pytest.mark.parametrize("coding", ["announced", "chunked"])
@pytest.mark.parametrize("drips", [True, False], ids=["drips", "stalls"])
def test_a_body_that_does_not_end_is_broken_off(hurried: Running, coding: str, drips: bool) -> None:
    before = hurried.kept()
    whole = delivery(order("ENDLESS"))
    piece = chunk(b" ") if coding == "chunked" else b" "
    begin = head(CHUNKED, CLOSE) + chunk(whole) if coding == "chunked" else head(length(10_000)) + whole
    with hurried.connect() as slow:
        slow.sendall(begin)
        while drips and not select.select([slow], [], [], 0.05)[0]:
            slow.sendall(piece)
        assert status(drained(slow)) == 408
    assert hurried.kept() == before


def test_many_that_stall_give_their_threads_back(hurried: Running) -> None:
    with ExitStack() as opened:
        stalled = [opened.enter_context(hurried.connect()) for _ in range(40)]
        for connection in stalled:
            connection.sendall(head(length(100), CLOSE) + b"[")
        # Who comes at the same moment and waits as long for a thread is ended with them, and comes again.
        assert status(drained(stalled[0])) == 408
        assert status(hurried.ask(posted(delivery(order("BEHIND")), CLOSE))) == 200
    wait_for(hurried.alive)


def test_a_connection_that_rests_between_two_deliveries_is_left_alone(hurried: Running) -> None:
    with hurried.connect() as connection:
        connection.sendall(posted(delivery(order("BEFORE-THE-REST"))))
        assert status(connection.recv(10_000)) == 200
        with hurried.connect() as slow:  # as long as it takes to break off another
            slow.sendall(head(length(100), CLOSE) + b"[")
            assert status(drained(slow)) == 408
        connection.sendall(posted(delivery(order("AFTER-THE-REST")), CLOSE))
        assert status(drained(connection)) == 200

"""Reading with a counted limit."""

import io
from typing import Any

import pytest

from app.web.answer import Refusal
from app.web.body import announced_size, read

LIMIT = 1000


class Dripping(io.RawIOBase):
    """A stream that gives less than it is asked for, and counts what was taken from it."""

    def __init__(self, size: int, drop: int = 7) -> None:
        self.left, self.taken, self.drop = size, 0, drop

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "an unbounded read"
        given = min(size, self.left, self.drop)
        self.left -= given
        self.taken += given
        return b"x" * given


def environ(stream: Any, length: str | None = None, **more: Any) -> dict[str, Any]:
    announced = {} if length is None else {"CONTENT_LENGTH": length}
    return {"wsgi.input": stream, "wsgi.input_terminated": True} | announced | more


def take(env: dict[str, Any], limit: int = LIMIT) -> bytes:
    announced = announced_size(env.get("CONTENT_LENGTH"), env.get("HTTP_TRANSFER_ENCODING"), limit)
    return read(env, announced, limit)


def refused(env: dict[str, Any]) -> int:
    with pytest.raises(Refusal) as caught:
        take(env)
    return caught.value.status


def test_a_body_comes_whole_however_it_drips() -> None:
    assert take(environ(Dripping(500), "500")) == b"x" * 500
    assert take(environ(Dripping(500))) == b"x" * 500
    assert take(environ(Dripping(LIMIT))) == b"x" * LIMIT


def test_a_chunked_body_is_counted_and_dropped_at_the_limit() -> None:
    stream = Dripping(10**9, drop=100)
    assert refused(environ(stream)) == 413
    assert stream.taken == LIMIT + 1


def test_a_length_beside_a_transfer_coding_is_not_believed() -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert take(environ(Dripping(500), "5", **chunked)) == b"x" * 500
    assert take(environ(Dripping(5), "999999999", **chunked)) == b"x" * 5
    assert refused(environ(Dripping(10**6, drop=999), "5", **chunked)) == 413


def test_never_more_than_announced_is_read() -> None:
    stream = Dripping(10**9)
    assert take(environ(stream, "10")) == b"x" * 10
    assert stream.taken == 10


def test_a_client_that_goes_away_delivered_nothing() -> None:
    assert refused(environ(Dripping(499), "500")) == 400


@pytest.mark.parametrize("length", ["1001", "9" * 400])
def test_an_announced_size_beyond_the_limit_is_refused_unread(length: str) -> None:
    stream = Dripping(10**9)
    assert refused(environ(stream, length)) == 413
    assert stream.taken == 0


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0x10", "+5"])
def test_a_length_that_is_no_number_is_counted_instead(length: str) -> None:
    assert take(environ(Dripping(20), length)) == b"x" * 20


def test_without_length_and_without_an_end_there_is_no_body() -> None:
    env = environ(Dripping(20)) | {"wsgi.input_terminated": False}
    assert take(env) == b""

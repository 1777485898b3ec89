"""Gzipped bodies: what they hold, and never more than is allowed."""

import gzip

import pytest

from app.ultracart.gzipped import unpack


def test_plain_bytes_stay_as_they_are() -> None:
    assert unpack(b'{"events":[]}') == b'{"events":[]}'


def test_gzip_is_unpacked_member_by_member() -> None:
    assert unpack(gzip.compress(b"one ", mtime=0) + gzip.compress(b"two")) == b"one two"


@pytest.mark.parametrize("most", [0, 1, 99])
def test_gzip_never_becomes_larger_than_allowed(most: int) -> None:
    with pytest.raises(ValueError, match="inflates to more"):
        unpack(gzip.compress(b"x" * 100, mtime=0), most)
    with pytest.raises(ValueError, match="inflates to more"):
        unpack(gzip.compress(b"x" * (most // 2 + 1)) * 2, most)


def test_gzip_of_just_the_size_is_allowed() -> None:
    assert unpack(gzip.compress(b"x" * 100, mtime=0), 100) == b"x" * 100


@pytest.mark.parametrize(
    "body", [gzip.compress(b"x" * 100, mtime=0)[:-1], b"\x1f\x8b", b"\x1f\x8b\x08", b"\x1f\x8bnonsense"]
)
def test_damaged_gzip_says_so(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|damaged"):
        unpack(body)

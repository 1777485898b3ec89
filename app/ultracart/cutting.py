"""Cuts a delivery's text into its events without reading them; for app.ultracart alone.

So that one event that cannot be read leaves its neighbours readable. It never recurses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.ultracart.careful import MAX_DEPTH, Refused

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}
_ENTRY = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")\s*:\s*(.*)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one element, and whether it is nested too deeply to be read."""

    text: bytes
    too_deep: bool


def cut(text: bytes) -> Iterator[Piece]:
    """The comma-separated elements of a list or object; raises Refused when the brackets do not match."""
    text = text.strip()
    awaited = bytearray()
    start, deepest = 1, 0
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if not awaited and token.start() != 0:
            raise Refused("there is text after its end")
        if sign in _CLOSING:
            awaited += _CLOSING[sign]
            deepest = max(deepest, len(awaited))
        elif sign in (b"]", b"}"):
            _close(awaited, sign)
        elif sign == b'"':
            raise Refused("it is not JSON: a quote is left open")
        if len(awaited) <= 1 and sign in (b",", b"]", b"}") and (sign == b"," or not awaited):
            yield from _piece(text[start : token.start()], deepest, last=sign != b",")
            start, deepest = token.end(), 0
    if awaited or not text or start != len(text):
        raise Refused("it is not JSON: it ends too early or too late")


def beginning(text: bytes) -> list[bytes]:
    """The whole elements of a list that is cut off somewhere; all but the last where it is not."""
    found: list[bytes] = []
    try:
        found += (piece.text for piece in cut(text))
    except Refused:
        pass
    return found


def _close(awaited: bytearray, sign: bytes) -> None:
    if not awaited or awaited.pop() != sign[0]:
        raise Refused("it is not JSON: its brackets do not match")


def _piece(text: bytes, deepest: int, *, last: bool) -> Iterator[Piece]:
    if text.strip() or not last:
        yield Piece(text.strip(), deepest > MAX_DEPTH)


def entry(piece: Piece) -> tuple[bytes, bytes]:
    """The quoted key and the value of an object's element; raises Refused when it is not `"key": value`."""
    match = _ENTRY.fullmatch(piece.text)
    if match is None:
        raise Refused("it is not JSON: a key or a colon is missing")
    return match.group(1), match.group(2)

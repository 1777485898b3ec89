"""From a delivery's body to its elements: both envelopes, packed or plain; for app.ultracart alone.

`{"events":[…]}` (official sample receiver) and a bare list (older documentation) are both in use, and
with `compress_events` the list is gzip in base64 in a string, where exactly is not documented.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from app.events import Unreadable
from app.ultracart.careful import MAX_DEPTH, Doubt, Refused, read, read_carefully, read_fast
from app.ultracart.cutting import Piece, cut, entry
from app.ultracart.identity import is_steady

_GZIP = "H4sI"
_WHERE = "there is no list of events in it"


@dataclass(frozen=True, slots=True)
class Elements:
    """The values that stand for events, in order; one that cannot be read is an Unreadable.

    `steady`: it is known that nothing in them is without meaning for their digests.
    """

    values: list[Any]
    steady: bool = False


def elements(body: bytes, max_inflated: int) -> Elements:
    """What a delivery holds; raises Refused when the body as a whole cannot be read."""
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith(_GZIP.encode()):
        return _plain_elements(inflate(text.decode("ascii", "replace"), max_inflated))
    try:
        value, written = read_fast(text)
    except Doubt:
        return Elements(_of_text(text, max_inflated))
    return _of_value(value, max_inflated, steady=is_steady(written))


def _plain_elements(text: bytes) -> Elements:
    """What was packed is not packed again: no bomb in a bomb."""
    return elements(text, 0)


def _of_value(outer: Any, max_inflated: int, *, steady: bool = False) -> Elements:
    found = outer
    if isinstance(outer, dict):
        found = outer.get("events", outer)
    if isinstance(found, list):
        return Elements(found, steady)
    if isinstance(found, str) and found.startswith(_GZIP):
        return _plain_elements(inflate(found, max_inflated))
    if isinstance(found, dict) and len(found) == 1:
        return Elements([found], steady)
    raise Refused(_WHERE)


def _of_text(text: bytes, max_inflated: int) -> list[Any]:
    """The same for a text that the fast reader doubts: cut first, then read each piece by itself."""
    if text.startswith(b"{"):
        return _of_object(text, max_inflated)
    if text.startswith(b"["):
        return [_read_piece(piece) for piece in cut(text)]
    return _of_value(read_carefully(text), max_inflated).values


def _of_object(text: bytes, max_inflated: int) -> list[Any]:
    entries = [entry(piece) for piece in cut(text)]
    lists = [value for key, value in entries if read(key) == "events"]
    if len(lists) > 1:
        raise Refused("the key 'events' stands twice in it")
    if not lists:
        return [_read_piece(Piece(text, _is_deep(text)))] if len(entries) == 1 else _refuse()
    if lists[0].startswith(b"["):
        return [_read_piece(piece) for piece in cut(lists[0])]
    return _of_value({"events": read(lists[0])}, max_inflated).values


def _refuse() -> list[Any]:
    raise Refused(_WHERE)


def _is_deep(text: bytes) -> bool:
    return any(piece.too_deep for piece in cut(text))


def _read_piece(piece: Piece) -> Any:
    if piece.too_deep:
        return Unreadable(f"it is nested deeper than {MAX_DEPTH} levels", piece.text)
    try:
        return read(piece.text)
    except Refused as refusal:
        return Unreadable(str(refusal), piece.text)


def inflate(packed: str, limit: int) -> bytes:
    """Base64 of gzip as bytes, never more than `limit`; raises Refused."""
    try:
        data = base64.b64decode(packed, validate=False)
        inflater = zlib.decompressobj(wbits=31)
        text = inflater.decompress(data, limit) if limit else b""
    except (binascii.Error, ValueError, zlib.error) as error:
        raise Refused(f"its packed events cannot be unpacked: {error}") from error
    if inflater.eof and not inflater.unused_data:
        return text
    raise Refused(f"its packed events are cut off or would be larger than {limit} bytes")


def as_text(value: Any) -> bytes:
    """The JSON text of a value that was read."""
    return orjson.dumps(value)


def sorted_text(value: Any) -> bytes:
    """The same with the keys of every object in order."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

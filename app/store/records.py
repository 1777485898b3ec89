"""How events and exchanges lie in Redis: small, compressed, self-describing. Only app.store uses it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from random import getrandbits
from typing import Any

import orjson
import zstandard

from app.events import Exchange

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
ANSWER_CAP = 64 * 1024

DICTIONARY = zstandard.ZstdCompressionDict((resources.files("app.store") / "events-1.zdict").read_bytes())
# Level 1, looking for longer matches in a smaller table: an order is smaller by a thirtieth, and made faster.
DICTIONARY.precompute_compress(
    compression_params=zstandard.ZstdCompressionParameters.from_level(1, hash_log=12, min_match=6)
)


def id_maker(now: datetime) -> Callable[[], str]:
    """Makes ids for one moment: sixteen letters and digits that sort by time, milliseconds and random bits.

    They are names, not secrets, so a fast generator does; `random` seeds itself anew after a fork.
    """
    beginning = _base36(milliseconds(now))
    return lambda: beginning + _base36(getrandbits(41))


def _base36(number: int) -> str:
    """Eight letters and digits, for numbers of up to 41 bits."""
    high, low = divmod(number, 36**4)
    a, b = divmod(high, 36**2)
    c, d = divmod(low, 36**2)
    return PAIRS[a] + PAIRS[b] + PAIRS[c] + PAIRS[d]


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return int(moment.timestamp() * 1000)


def moment(value: str | bytes | int | float) -> datetime:
    """The aware UTC time of milliseconds since 1970."""
    return datetime.fromtimestamp(float(value) / 1000, UTC)


def text(value: object) -> str:
    """A reply of Redis as text; the client gives bytes, since records are binary."""
    return value.decode() if isinstance(value, bytes) else str(value)


def row(fields: Mapping[Any, Any]) -> dict[str, str]:
    """A hash of Redis as text."""
    return {text(name): text(value) for name, value in fields.items()}


class Codec:
    """Compresses one record at a time; not shared between threads (zstandard's contexts are not safe to).

    The dictionary knows what orders have in common: records are a third smaller, and made faster. What it has
    compressed cannot be read without it, so it may get a successor but is never changed.
    """

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(dict_data=DICTIONARY)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=DICTIONARY)

    def pack_event(self, name: str, merchant_id: str, raw: bytes) -> bytes:
        """An event's name, merchant and JSON as one compressed record."""
        return self._compressor.compress(b"%s\n%s\n%s" % (name.encode(), merchant_id.encode(), raw))

    def unpack_event(self, record: bytes) -> tuple[str, str, bytes]:
        """Name, merchant id and raw JSON of what pack_event made."""
        name, merchant_id, raw = self._decompressor.decompress(record).split(b"\n", 2)
        return name.decode(), merchant_id.decode(), raw

    def pack_exchange(self, exchange: Exchange) -> bytes:
        """One exchange, its bodies capped."""
        fields = asdict(exchange)
        for name in ("attempt", "limits"):
            if not fields[name]:
                del fields[name]
        fields["request"], fields["answer"] = exchange.request[:ANSWER_CAP], exchange.answer[:ANSWER_CAP]
        return self._compressor.compress(orjson.dumps(fields))

    def unpack_exchange(self, record: bytes) -> dict[str, Any]:
        """The fields of an Exchange, `started_at` as ISO 8601 text; `attempt` and `limits` where known."""
        fields: dict[str, Any] = orjson.loads(self._decompressor.decompress(record))
        return fields

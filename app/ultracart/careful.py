"""JSON text into values, refusing what would be read wrongly; for app.ultracart alone.

Two readers: a fast one that says when it is in doubt, and a careful one for single events.
Doubtful is what parsers disagree about: duplicate keys, NaN, absurd numbers, deep nesting, invalid UTF-8.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from string import ascii_letters
from typing import Any, NoReturn

import orjson
from ahocorasick_rs import BytesAhoCorasick, MatchKind

MAX_DEPTH = 200
MAX_LITERAL = 40
EXPONENTS = range(-30, 19)
INTEGERS = range(-(2**63), 2**64)

# Only digits, exponents and some of what stands between them: little is left to look through. Two numbers
# have a comma or a colon between them, and most of the numbers in a text (an address in the web) other signs.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_NO_DIGITS = bytes(sorted({*b'+-._ @/"{}[]', *ascii_letters.encode()} - {*b"Ee"}))
_BIG_NUMBER = re.compile(rb"[:,\[][ \t\r\n]*-?(?:[0-9.]{20}|[0-9.]+[eE][-+]?[0-9]{2})")

# As orjson writes numbers, those that may be absurd have an exponent, with at most 17 digits before it. What
# stands in a string may look alike.
_EXPONENTS = BytesAhoCorasick([b"%de" % digit for digit in range(10)], matchkind=MatchKind.LeftmostFirst)
_MANTISSA = re.compile(rb"[:,\[]-?[0-9.]+e$")
_LONGEST_MANTISSA = 24
_MOST_LOOKS = 500


class Doubt(Exception):
    """The fast reader cannot vouch for what it read."""


class Refused(Exception):
    """The text cannot be read; the message says why, in plain words."""


def read(text: bytes) -> Any:
    """The value of one JSON text: numbers as int or float; raises Refused."""
    try:
        return read_fast(text)[0]
    except Doubt:
        return read_carefully(text)


def read_fast(text: bytes) -> tuple[Any, bytes]:
    """The value and its compact text, where a quick reader is sure of what it read; raises Doubt."""
    try:
        value = orjson.loads(text)
        written = orjson.dumps(value)
    except (ValueError, TypeError) as error:
        raise Doubt from error
    if _has_exponent(written) if text == written else _may_mislead(text, written):
        raise Doubt
    return value, written


def _has_exponent(written: bytes) -> bool:
    """Whether a number in a text of orjson's own has an exponent: the only ones there that may be absurd."""
    found = _EXPONENTS.find_matches_as_indexes(written)
    if len(found) > _MOST_LOOKS:
        return _has_big_number(written)
    return any(_MANTISSA.search(written, max(0, end - _LONGEST_MANTISSA), end) for _, _, end in found)


def _may_mislead(text: bytes, written: bytes) -> bool:
    return _may_repeat_keys(text, written) or _has_big_number(text)


def _may_repeat_keys(text: bytes, written: bytes) -> bool:
    """A repeated key is lost with its quotes, and nothing but \\u0022 changes how many quotes there are."""
    return text.count(b'"') != written.count(b'"') or (b"\\" in text and rb"\u0022" in text)


def _has_big_number(text: bytes) -> bool:
    """Whether a number has 20 digits or a two-digit exponent; strings may look alike, so look twice."""
    zeros = text.translate(_DIGITS, _NO_DIGITS)
    looks_big = b"0e00" in zeros or b"00000000000000000000" in zeros
    return looks_big and _BIG_NUMBER.search(text) is not None


def read_carefully(text: bytes) -> Any:
    """The value of one JSON text, with every rule checked; raises Refused."""
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
        return _with_whole_characters(value)
    except UnicodeDecodeError as error:
        raise Refused(f"it is not valid UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Refused(f"it is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Refused(f"it is not JSON: {error}") from error


def _with_whole_characters(value: Any) -> Any:
    # Half of an emoji (a name cut to 30 units of UTF-16) must not cost the order: it becomes "?".
    return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Refused(f"the key {twice[:60]!r} stands twice in one object")
    return value


def _integer(literal: str) -> int:
    if len(literal) > MAX_LITERAL or int(literal) not in INTEGERS:
        raise Refused(f"it holds an absurd number of {len(literal)} digits")
    return int(literal)


def _decimal(literal: str) -> float:
    try:
        if len(literal) <= MAX_LITERAL and Decimal(literal).adjusted() in EXPONENTS:
            return float(literal)
    except InvalidOperation:
        pass
    raise Refused(f"it holds an absurd number: {literal[:MAX_LITERAL]}")


def _no_constant(name: str) -> NoReturn:
    raise Refused(f"it holds {name}, which is no JSON number")

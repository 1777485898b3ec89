"""Good events of every kind, and a grammar of what can be wrong with them; for the tests of bad inputs.

Every event has ids and e-mail addresses of its own. What is personal in it bears the word CANARY, so that it
can be looked for where it must not be.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.unit import payloads

CANARY = "canary"

# The kinds, each by the payload files that its events are made of.
FILES: Mapping[str, tuple[str, ...]] = {
    "sale": ("order_create__paid", "order_create__kit", "order_create__shipping_and_tax"),
    "refund": ("order_refund__partial", "order_refund__refunded_with_date", "order_reject__paid"),
    "auto_order_status": ("auto_order_cancel__by_customer", "auto_order_rebill__person_of_rebill"),
    "affiliate_signup": ("affiliate_update__active",),
    "customer": ("customer_update__default_address", "customer_update__agreed"),
    "order_status": ("order_ship__two_parcels",),
    "item": ("item_create__priced",),
}
IDS = ("order_id", "auto_order_oid", "customer_profile_oid", "affiliate_oid", "merchant_item_oid")
PERSONAL = ("first_name", "last_name", "company", "company_name", "address1", "address_1", "city")

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Raw:
    """A piece of JSON text that no value stands for."""

    text: str


@dataclass(frozen=True)
class Bad:
    """One event as a text, and in words what is wrong with it."""

    kind: str
    event: str
    text: str
    wrong: str
    path: Path = ()


NUMBERS = (-5, -0.004, 0, 10**15, 1e18, 2**63, Raw("1e308"), Raw("1" + "0" * 30), Raw("NaN"), Raw("1e-9"))
TEXTS: tuple[Any, ...] = (
    *("", "   ", f"{CANARY} word", "NaN", "Infinity", "-5", "1e400", "true", "None", "=1+1", "x" * 20_000),
    *(f"{CANARY}\x00\x07\x1b[31m", f"{CANARY}\r\nSet-Cookie: x", "\u202e\u200b\ufeff\u2028", "\u0301" * 500),
    *(
        "🦴" * 200,
        Raw(r'"\ud83d cut"'),
        Raw(r'"\ud83d\u0000"'),
        "{{ value }}",
        "<script>",
        "%s%n",
        "'; DROP--",
    ),
)
DATES = (
    *(
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2099-01-01T00:00:00Z",
    ),
    *("2026-03-02T09:15:00", "2026-03-02", "2026-13-45T99:99:99Z", "2026-03-02T09:15:00-05:00\n"),
    *("yesterday", 1_772_460_900_000, "1772460900"),
)
SHAPES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [None], [[]], ["x"], [{}], [[[{}]]], {"value": None}, {"value": -5}),
    *({"value": "x"}, {"value": 1e18}, {"value": [1]}),
    *(Raw("[" * 300 + "]" * 300), Raw('{"a":' * 300 + "1" + "}" * 300), Raw('{"a":1,"a":2}')),
)
NAMES = (
    *("", " ", "DEMO 1:2", "a\nb", "x" * 65, "*", "{1}", "日本", " DEMO-9 ", "a\x00b", "é" * 64, "a|b;c"),
    *(0, -1, 7.5, 10**18, True),
)
EMAILS = (
    *(
        CANARY,
        f"{CANARY}@",
        "@example.com",
        f"{CANARY}@b",
        f"{CANARY}@b@example.com",
        f"{CANARY}@exämple.com",
    ),
    *(f"{CANARY} <{CANARY}@example.com>", f"{CANARY}@example.com,b@example.com", f"{CANARY}@example.com\n"),
    *(f"'{CANARY}'@example.com", f"{CANARY}{'x' * 300}@example.com", f"{CANARY}\x00@example.com"),
    *([f"{CANARY}@example.com"], f"{CANARY}@\u202eexample.com"),
)
STATES = (
    "Processed",
    "Refunded",
    "Voided",
    "Rejected",
    "canceled",
    "dormant",
    "Brand New",
    "ACTIVE",
    "merged",
)


def good(kind: str, number: int, file: str = "") -> tuple[str, dict[str, Any]]:
    """An event of this kind that ends well: its name and its object, `number` its own."""
    name = file or FILES[kind][0]
    event = payloads.event(name)
    payload = json.loads(json.dumps(event.payload))
    _personal(payload, number)
    if event.name.startswith("item"):
        payload["merchant_item_id"] = f"ITEM-{number}"
    return event.name, payload


def _personal(node: Any, number: int) -> None:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        if key == "email":
            node[key] = f"{CANARY}.{number}@example.com"
        elif key in PERSONAL:
            node[key] = f"{CANARY} {number}"
        elif key in IDS or key == "original_order_id":
            node[key] = f"DEMO-{number}" if isinstance(value, str) else number
        else:
            _personal(value, number)


def paths(node: Any, here: Path = ()) -> Iterator[Path]:
    """Every place in an object."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*here, key)
        yield from paths(child, (*here, key))


def bad(kind: str, numbers: Iterator[int], rng: random.Random) -> Iterator[Bad]:
    """Events with something wrong, without end: each place dropped and null, between them what comes."""
    places = [(file, path) for file in FILES[kind] for path in paths(good(kind, 0, file)[1])]
    rng.shuffle(places)
    lack = [(file, path, change) for change in (_drop, lambda: _put(None)) for file, path in places]
    for file, path, change in rng.sample(lack, len(lack)):
        yield _changed(kind, file, next(numbers), [(path, change())])
        yield _several(kind, places, next(numbers), rng)
    while True:
        yield _several(kind, places, next(numbers), rng)


def _several(kind: str, places: list[tuple[str, Path]], number: int, rng: random.Random) -> Bad:
    file = rng.choice(FILES[kind])
    its = [path for other, path in places if other == file]
    wanted = [rng.choice(its) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return _changed(kind, file, number, [(path, _any(path, rng)) for path in wanted])


Change = tuple[str, Callable[[Any, Any], None]]


def _drop() -> Change:
    def drop(holder: Any, key: Any) -> None:
        del holder[key]

    return "is dropped", drop


def _put(value: Any) -> Change:
    def put(holder: Any, key: Any) -> None:
        holder[key] = deepcopy(value)

    return f"is {str(value)[:60]!r}", put


def _repeat(times: int) -> Change:
    def repeat(holder: Any, key: Any) -> None:
        holder[key] = holder[key] * times if isinstance(holder[key], list) else [holder[key]] * times

    return f"stands there {times} times", repeat


def _any(path: Path, rng: random.Random) -> Change:
    """What fits the place, so that it gets past the first check, or anything else."""
    fitting = _fitting(str(path[-1]))
    value = rng.choice(rng.choice((fitting, fitting, NUMBERS, TEXTS, SHAPES, DATES)))
    return rng.choice((_put(value), _put(value), _put(value), _repeat(50), _drop()))


def _fitting(name: str) -> tuple[Any, ...]:
    if name == "email":
        return EMAILS
    if name.endswith("_dts"):
        return DATES
    return NAMES if name.endswith(("_id", "_oid")) else STATES if "stat" in name else TEXTS


def _changed(kind: str, file: str, number: int, changes: list[tuple[Path, Change]]) -> Bad:
    name, payload = good(kind, number, file)
    words = []
    for path, (word, change) in changes:
        holder = _holder(payload, path)
        if holder is not None:
            change(holder, path[-1])
            words.append(f"{'.'.join(map(str, path))} {word}")
    return Bad(kind, name, event_text(name, payload), f"{file}: {'; '.join(words)}", changes[0][0])


def _holder(node: Any, path: Path) -> Any:
    """What holds the last key of the path; None where an earlier change took it away."""
    for key in path[:-1]:
        node = node[key] if _has(node, key) else None
    return node if _has(node, path[-1]) else None


def _has(node: Any, key: Any) -> bool:
    if isinstance(node, dict):
        return key in node
    return isinstance(node, list) and isinstance(key, int) and key < len(node)


def event_text(name: str, payload: Any) -> str:
    """One event as it stands in a delivery."""
    raws: list[str] = []

    def stand_in(value: Any) -> str:
        raws.append(value.text)
        return f"@raw {len(raws) - 1}@"

    text = json.dumps({name: payload}, default=stand_in, ensure_ascii=False)
    for index, raw in enumerate(raws):
        text = text.replace(f'"@raw {index}@"', raw)
    return text


def delivery(texts: list[str]) -> bytes:
    """One POST with these events."""
    return b'{"events":[' + ",".join(texts).encode("utf-8", "surrogatepass") + b"]}"

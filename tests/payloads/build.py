"""Writes the payload files from UltraCart's official models: `python -m tests.payloads.build`.

The files are kept in the repository; this is run again only when a case is added. The models refuse
unknown names and wrong types, so that what stands here is what UltraCart can send.
"""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ultracart.model_utils import model_to_dict

from tests.payloads import cases, models, order_cases, profile_cases

TARGET = Path(__file__).parent / "ultracart"


def plain(value: Any) -> Any:
    """Models as the JSON that they stand for."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return model_to_dict(value, serialize=True) if hasattr(value, "openapi_types") else value


def compact(value: Any) -> bytes:
    """As UltraCart sends it: no white space, UTF-8."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False).encode()


def delivery(*events: dict[str, Any]) -> bytes:
    """The newer envelope."""
    return compact({"events": list(events)})


def packed(*events: dict[str, Any]) -> str:
    """The events as `compress_events` sends them."""
    return base64.b64encode(gzip.compress(compact(list(events)), mtime=0)).decode()


def files() -> dict[str, bytes]:
    """Every payload file by its name."""
    makers = cases.SINGLE | order_cases.SINGLE | profile_cases.SINGLE
    single = {f"{name}__{case}.json": delivery({name: make()}) for (name, case), make in makers.items()}
    paid, item, customer = cases.paid(), cases.item(), models.customer()
    return single | {
        "delivery__several_kinds.json": delivery(
            {"order_create": paid},
            {"item_update": item},
            {"customer_update": customer},
            {"order_update": paid},
        ),
        "delivery__bare_list.json": compact([{"order_create": paid}, {"customer_update": customer}]),
        "delivery__single_event.json": compact({"order_create": paid}),
        "delivery__unknown_event.json": delivery({"loyalty_update": {"merchant_id": "DEMO"}}),
        "delivery__other_merchant.json": delivery(
            {"order_create": paid}, {"order_create": plain(paid) | {"merchant_id": "OTHER"}}
        ),
        "delivery__one_unreadable.json": delivery({"order_create": paid}).replace(
            b'{"events":[', b'{"events":[{"order_create":{"order_id":"DEMO-7","order_id":"DEMO-8"}},'
        ),
        "delivery__packed_events.json": compact(
            {"events": packed({"order_create": paid}, {"item_update": item})}
        ),
        "delivery__packed_body.txt": packed({"order_create": paid}, {"item_update": item}).encode(),
    }


def main(write: Callable[[str, bytes], Any] = lambda name, body: (TARGET / name).write_bytes(body)) -> None:
    """Writes all files."""
    for name, body in files().items():
        write(name, body)


if __name__ == "__main__":
    main()

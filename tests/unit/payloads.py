"""The payload files: deliveries as UltraCart sends them; for any test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.events import Event
from app.ultracart.parse import parse_delivery, read_payload

DIRECTORY = Path(__file__).parent.parent / "payloads" / "ultracart"
MERCHANT = "DEMO"


def names() -> list[str]:
    """All payload files, in order."""
    return sorted(path.name for path in DIRECTORY.iterdir())


def body(name: str) -> bytes:
    """A delivery's body, by its file name with or without `.json`."""
    path = DIRECTORY / name
    return (path if path.suffix else path.with_suffix(".json")).read_bytes()


def event(name: str) -> Event:
    """The only event of a delivery."""
    (found,) = parse_delivery(body(name), MERCHANT)
    assert isinstance(found, Event), found
    return found


def payload(name: str) -> Mapping[str, Any]:
    """The only event's payload as a worker reads it: what was kept, fractions as Decimal."""
    return read_payload(event(name).raw)

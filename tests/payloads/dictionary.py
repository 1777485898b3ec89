"""Trains the stored events' dictionary on the payload files: `python -m tests.payloads.dictionary FILE`.

A dictionary that was released is never trained again: what it has compressed could not be read any more.
"""

import sys
from pathlib import Path

import zstandard

from app.events import Unreadable
from app.ultracart.parse import parse_delivery

FOLDER = Path(__file__).parent / "ultracart"
SIZE = 8 * 1024


def samples() -> list[bytes | bytearray | memoryview]:
    """Every event of the payload files as it is stored."""
    bodies = [path.read_bytes() for path in sorted(FOLDER.glob("*.json"))]
    events = [event for body in bodies for event in parse_delivery(body, "DEMO")]
    return [
        b"%s\nDEMO\n%s" % (event.name.encode(), event.raw)
        for event in events
        if not isinstance(event, Unreadable)
    ]


def main() -> None:
    """Write the file."""
    Path(sys.argv[1]).write_bytes(zstandard.train_dictionary(SIZE, samples()).as_bytes())


if __name__ == "__main__":
    main()

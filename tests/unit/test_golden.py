"""Every payload file against its golden file: what each event means, and what each fact becomes.

`UPDATE_GOLDEN=1 pytest tests/unit/test_golden.py` writes them anew; review the difference.
"""

import json
import os
from pathlib import Path

import pytest

from app.events import Kind
from app.relay.facts import facts
from app.ultracart.catalogue import EVENT_NAMES
from tests.unit import payloads
from tests.unit.golden import PLANNERS, told

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("name", payloads.names())
def test_golden(name: str) -> None:
    made = json.dumps(told(payloads.body(name)), indent=1, ensure_ascii=False) + "\n"
    golden = (GOLDEN / name).with_suffix(".json")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(made)
    assert made == golden.read_text()


def test_every_golden_file_has_its_payload() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {Path(name).stem for name in payloads.names()}


def test_every_payload_is_named_after_a_kind_of_event() -> None:
    assert {name.split("__")[0] for name in payloads.names()} <= EVENT_NAMES | {"delivery"}


def test_every_kind_has_payloads_and_a_plan() -> None:
    events = [payloads.event(name) for name in payloads.names() if not name.startswith("delivery__")]
    assert {fact.kind for event in events for fact in facts(event, "account")} == set(Kind) == set(PLANNERS)

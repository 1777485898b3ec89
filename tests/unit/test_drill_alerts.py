"""The drill's judge of alerts finds a message that lies, comes twice, or never ends."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.drill.alerts import Known, judge_alerts
from tests.drill.truth import Acknowledged, Sold

NOON = 1_770_000_000
JANE = "jane@example.com"
TOLD = [Acknowledged(Sold(f"A-{n}", JANE, 1000, NOON), NOON - 100) for n in range(3)]
# Two of the three wait at noon, for longer than a minute.
KNOWN = Known(
    told=TOLD,
    logged={"A-0": NOON - 50, "A-1": NOON + 50, "A-2": NOON + 60},
    refusals=[(NOON - 20, NOON + 20)],
    closed=[NOON - 1, NOON + 10],
    lost_wake_ups=12,
)


def stamp(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def message(name: str = "keys_refused", at: float = NOON, **changed: Any) -> dict[str, Any]:
    group = name if name == "lost_wake_ups" else f"{name}:ontraport:DEMO"
    alert = {
        "name": name, "group": group, "status": "open", "severity": "page", "since": stamp(at),
        "what": "", "size": 2, "money_cents": {"USD": 2000},
    }  # fmt: skip
    return {"at": stamp(at), "alerts": [alert | changed]}


def told(*messages: dict[str, Any]) -> list[str]:
    return list(judge_alerts(messages, KNOWN))


KEYS = (message(), message(at=NOON + 30, status="resolved"))


def test_refused_keys_told_once_with_what_they_hold_and_ended_are_faultless():
    assert told(*KEYS) == []


def test_what_was_true_besides_is_no_fault():
    late = message("money_late", severity="warn"), message("money_late", NOON + 30, status="resolved")
    away = message("crm_away"), message("crm_away", NOON + 30, status="resolved")
    assert told(*KEYS, *late, *away, message("lost_wake_ups", size=12)) == []


def test_ten_times_as_much_is_told_again():
    assert told(KEYS[0], message(at=NOON + 10, size=20), KEYS[1]) == []


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([], "nobody was told"),
        ([KEYS[0]], "was not told"),
        ([KEYS[1]], "its beginning was not"),
        ([KEYS[0], message(at=NOON + 10, size=19), KEYS[1]], "although nothing was new"),
        ([message(severity="warn"), KEYS[1]], "told as a warn"),
        ([message(since=stamp(NOON - 60)), KEYS[1]], "and they were not"),
        ([message(money_cents={"USD": 1999}), KEYS[1]], "which is not so"),
        ([message(money_cents={"USD": 3001}), KEYS[1]], "which is not so"),
        ([message(size=1), KEYS[1]], "which is not so"),
        ([*KEYS, message("money_dead"), message("money_dead", status="resolved")], "no reason"),
        ([*KEYS, message("money_late", NOON + 100)], "late when none was"),
        ([*KEYS, message("crm_away", NOON + 100)], "gate was open"),
        ([*KEYS, message("lost_wake_ups", size=13)], "12 were"),
    ],
)
def test_what_is_wrong_is_found(messages: list[dict[str, Any]], found: str):
    assert any(found in words for words in told(*messages))

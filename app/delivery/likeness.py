"""A dead letter beside one of its kind that went well: what is different about it; for commands and above."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.relay.likeness import Difference, differences
from app.services import Services
from app.store.letters import DeadLetter, History


@dataclass(frozen=True, slots=True)
class Likeness:
    """`what` was compared: the request that was refused, or the payload where nothing was sent.

    `good_id` is the other one ('' when none is known); of payloads only what differs in kind is told.
    """

    good_id: str
    what: str = ""
    differences: tuple[Difference, ...] = ()


def beside_a_good_one(services: Services, letter: DeadLetter, good_id: str = "") -> Likeness:
    """Compares it with `good_id`, else with the last one of its account and kind that was delivered."""
    letters = services.dead_letters
    good_id = good_id or letters.last_delivered(letter.account, letter.kind)
    if not good_id:
        return Likeness("")
    here, there = letters.histories([letter])[0], letters.history(good_id)
    # After a refusal the relay may have looked why: what was refused comes before that.
    failed = [one for one in here.exchanges if not 200 <= (one.get("status") or 0) < 300]
    refused = next(reversed(failed or here.exchanges), None)
    if refused is None:
        return _payloads(good_id, here, there)
    what = f"{refused['method']} {_plain_path(refused)}"
    same = [one for one in there.exchanges if f"{one['method']} {_plain_path(one)}" == what]
    if not same:
        return Likeness(good_id, f"{what}: the other one needed no such request")
    found = differences(_body(refused["request"]), _body(same[-1]["request"]))
    return Likeness(good_id, what, tuple(found))


def _payloads(good_id: str, here: History, there: History) -> Likeness:
    if not there.payload:
        return Likeness(good_id, "payload: that of the other one is no longer kept")
    found = differences(_body(here.payload), _body(there.payload))
    return Likeness(good_id, "payload", tuple(one for one in found if one.in_kind))


def _plain_path(exchange: Mapping[str, Any]) -> str:
    return str(exchange["path"]).partition("?")[0]


def _body(text: str | bytes) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}

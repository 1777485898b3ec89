"""What the relay told people during a drill: whether it was told, once, and true. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.drill.truth import Acknowledged, Refunded, Sold

KEYS, LATE, AWAY, WAKE_UPS = "keys_refused", "money_late", "crm_away", "lost_wake_ups"
# What of a drill's mischief a person is told, and what of it is counted over an hour: so long it stays true.
LASTING = frozenset({WAKE_UPS, "first_attempts"})
POSSIBLE = frozenset({KEYS, LATE, AWAY, "money_retried", *LASTING})
MUCH_LARGER = 10
# Between what the drill notes and what the relay reads at that moment.
SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class Known:
    """What the drill knows: facts told, when each sale was logged (unix seconds), who caused which alarm.

    `refusals` are the spans in which keys were refused, each with the time that a gate may take to open;
    `closed` is when the gate was seen closed; `late_seconds` is how long money waits before it is late.
    """

    told: Sequence[Acknowledged]
    logged: Mapping[str, float]
    refusals: Sequence[tuple[float, float]] = ()
    closed: Sequence[float] = ()
    lost_wake_ups: int = 0
    late_seconds: float = 60.0

    def waiting(self, at: float) -> list[Sold]:
        """Sales that were certainly not delivered then, though acknowledged."""
        sales = ((one.meaning, one.at) for one in self.told if isinstance(one.meaning, Sold))
        return [
            sale
            for sale, taken in sales
            if taken < at - SLACK_SECONDS and self.logged.get(sale.order, at) > at + SLACK_SECONDS
        ]

    def most_cents(self) -> int:
        """All the money that there was."""
        return sum(one.meaning.cents for one in self.told if isinstance(one.meaning, Sold | Refunded))


def judge_alerts(messages: Iterable[Mapping[str, Any]], known: Known) -> Iterator[str]:
    """What was wrong with the messages (app.alerts.message.document), in words."""
    last: dict[str, Mapping[str, Any]] = {}
    entries = [(message["at"], one) for message in messages for one in message["alerts"]]
    for at, entry in sorted(entries, key=lambda one: str(one[0])):
        group = entry["group"]
        if entry["status"] == "open":
            yield from _untrue(entry, _seconds(at), known)
            if group in last and not _is_news(last[group], entry):
                yield f"{group} was told again although nothing was new: {entry['what']}"
        elif group not in last or last[group]["status"] != "open":
            yield f"the end of {group} was told, its beginning was not"
        last[group] = entry
    for group, entry in last.items():
        if entry["status"] == "open" and entry["name"] not in LASTING:
            yield f"the end of {group} was not told"
    if known.refusals and f"{KEYS}:ontraport:DEMO" not in last:
        yield "nobody was told that the keys were refused"


def _is_news(before: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """No drill lasts an hour, so that only what is worse or ten times as large may be told again."""
    worse = before["severity"] == "warn" and entry["severity"] == "page"
    return bool(worse or entry["size"] >= MUCH_LARGER * before["size"])


def _untrue(entry: Mapping[str, Any], at: float, known: Known) -> Iterator[str]:
    name, what = entry["name"], entry["what"]
    if name not in POSSIBLE:
        yield f"{entry['group']} was told, and there was no reason for it: {what}"
    if name == KEYS:
        yield from _untrue_of_keys(entry, at, known)
    if name == LATE and not _someone_waits(at, known):
        yield f"money was told to be late when none was: {what}"
    if name == AWAY and not any(abs(closed - at) < SLACK_SECONDS for closed in known.closed):
        yield f"the CRM was told to be away when its gate was open: {what}"
    if name == WAKE_UPS and entry["size"] > known.lost_wake_ups:
        yield f"{entry['size']} wake-ups were told to be lost, {known.lost_wake_ups} were"


def _untrue_of_keys(entry: Mapping[str, Any], at: float, known: Known) -> Iterator[str]:
    if entry["severity"] != "page":
        yield f"that the keys were refused was told as a {entry['severity']}"
    since = _seconds(entry["since"])
    if not any(begin <= since <= end for begin, end in known.refusals):
        yield f"the keys were told to be refused since {entry['since']}, and they were not"
    waiting = known.waiting(at)
    held = sum(entry["money_cents"].values())
    if not sum(sale.cents for sale in waiting) <= held <= known.most_cents() or entry["size"] < len(waiting):
        yield f"the keys were refused with {entry['size']} facts and {held} cents held, which is not so"


def _someone_waits(at: float, known: Known) -> bool:
    """Whether a sale waited for so long; of refunds nobody knows when they were carried out."""
    early = at - known.late_seconds + SLACK_SECONDS
    taken = [one for one in known.told if one.at < early and isinstance(one.meaning, Sold | Refunded)]
    return any(
        isinstance(one.meaning, Refunded) or known.logged.get(one.meaning.order, at) > at - SLACK_SECONDS
        for one in taken
        if isinstance(one.meaning, Sold | Refunded)
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

"""What was tried and given up: kept until a person or a newer snapshot acts. Also the quarantine."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from app.store.connection import store_errors
from app.store.records import Codec, moment, row, text
from app.store.scripting import Scripts


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead transmission in the operator's words; `cents` of `currency` wait with it."""

    id: str
    kind: str
    account: str
    subject: str
    failure: str
    reason: str
    attempts: int
    died_at: datetime
    cents: int
    currency: str
    event_id: str


class DeadLetters:
    """Reads and replays dead letters."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def list(self, account: str, limit: int = 100) -> list[DeadLetter]:
        """The dead letters of an account, the latest first."""
        with store_errors():
            ids = self._client.zrevrange(f"dead:{account}", 0, limit - 1)
        found = (self.show(text(tid)) for tid in ids)
        return [letter for letter in found if letter]

    def count(self, account: str) -> int:
        """How many dead letters an account has."""
        with store_errors():
            return int(self._client.zcard(f"dead:{account}"))

    def show(self, transmission_id: str) -> DeadLetter | None:
        """One dead letter, or None when there is no such transmission or it is not dead."""
        with store_errors():
            raw = self._client.hgetall(f"t:{transmission_id}")
        t = row(raw)
        if t.get("st") != "dead":
            return None
        return DeadLetter(
            id=transmission_id,
            kind=t["k"],
            account=t["a"],
            subject=t["s"],
            failure=t.get("f", ""),
            reason=t.get("r", ""),
            attempts=int(t.get("n", "0")),
            died_at=moment(t.get("dd", "0")),
            cents=int(t.get("m", "0")),
            currency=t.get("cu", ""),
            event_id=t["e"],
        )

    def payload(self, event_id: str) -> tuple[str, bytes] | None:
        """Name and raw JSON of the event behind a dead letter; None when its payload has expired."""
        with store_errors():
            record: Any = self._client.get(f"e:{event_id}")
        if record is None:
            return None
        name, _, raw = Codec().unpack_event(record)
        return name, raw

    def replay(self, transmission_id: str) -> bool:
        """Sends it again, as the same transmission with new attempts; False when it is not dead."""
        with store_errors():
            return bool(self._scripts.run("replay", transmission_id))

"""What was tried and given up: kept until a person or a newer snapshot acts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import redis

from app.events import State, Transmission
from app.store.connection import store_errors
from app.store.ledger import Ledger, Write
from app.store.letters import Closing, DeadLetter, Follower, History, Wanted, follower_of, holds, letter_of
from app.store.records import Codec, milliseconds, moment, row, text
from app.store.scripting import Scripts
from app.store.transmissions import transmission_of
from app.ultracart.parse import read_payload

PAGE = 500
LONGEST_WORDS = 500


class DeadLetters:
    """Reads dead letters, and does what people decide about them. Retention is in seconds."""

    def __init__(
        self,
        client: redis.Redis,
        scripts: Scripts,
        *,
        payload_seconds: int,
        exchange_seconds: int,
        ledger_seconds: int,
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._seconds = (payload_seconds, exchange_seconds, ledger_seconds)

    def list(self, account: str, limit: int = 100) -> list[DeadLetter]:
        """The dead letters of an account, the latest first."""
        with store_errors():
            ids = self._client.zrevrange(f"dead:{account}", 0, limit - 1)
        return list(self.read([text(tid) for tid in ids]))

    def find(self, wanted: Wanted) -> Iterator[DeadLetter]:
        """All that are meant, account by account, the latest first; read in pages as they are asked for."""
        for account in [wanted.account] if wanted.account else self._accounts():
            with store_errors():
                ids: Any = self._client.zrevrangebyscore(
                    f"dead:{account}",
                    milliseconds(wanted.until) if wanted.until else "+inf",
                    milliseconds(wanted.since) if wanted.since else "-inf",
                )
            for start in range(0, len(ids), PAGE):
                page = [text(tid) for tid in ids[start : start + PAGE]]
                yield from filter(wanted.fits, self.read(page))

    def subjects(self, account: str, kinds: Collection[str], until: datetime) -> frozenset[str]:
        """The subjects of these kinds that died until then; two fields of each letter are read, no more."""
        with store_errors():
            ids: Any = self._client.zrangebyscore(f"dead:{account}", "-inf", milliseconds(until))
        found: set[str] = set()
        for start in range(0, len(ids), PAGE):
            with store_errors(), self._client.pipeline(transaction=False) as pipe:
                for tid in ids[start : start + PAGE]:
                    pipe.hmget(f"t:{text(tid)}", "k", "s")
                found |= {_text(subject) for kind, subject in pipe.execute() if _text(kind) in kinds}
        return frozenset(found)

    def count(self, account: str) -> int:
        """How many dead letters an account has."""
        with store_errors():
            return int(self._client.zcard(f"dead:{account}"))

    def show(self, transmission_id: str) -> DeadLetter | None:
        """One dead letter, or None when there is no such transmission or it is not dead."""
        return next(iter(self.read([transmission_id])), None)

    def read(self, ids: Sequence[str]) -> Sequence[DeadLetter]:
        """Those of these that are dead, in three round trips whatever their number."""
        records = self._rows([f"t:{tid}" for tid in ids])
        dead = [(tid, t) for tid, t in zip(ids, records, strict=True) if t.get("st") == State.DEAD]
        followers = self._followers(dead)
        return [letter_of(tid, t, followers[tid]) for tid, t in dead]

    def states(self, ids: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """State, failure and reason of each, in one round trip; '' where there is none any more."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for tid in ids:
                pipe.hmget(f"t:{tid}", "st", "f", "r")
            answers = pipe.execute()
        return {tid: (_text(a), _text(b), _text(c)) for tid, (a, b, c) in zip(ids, answers, strict=True)}

    def histories(self, letters: Sequence[DeadLetter]) -> Sequence[History]:
        """What lies behind each of these, in one round trip."""
        return self._histories([(one.id, one.event_id) for one in letters])

    def last_delivered(self, account: str, kind: str) -> str:
        """The id of the last one of the kind that was delivered by some request; '' before the first."""
        with store_errors():
            return _text(self._client.hget(f"good:{account}", kind))

    def history(self, transmission_id: str) -> History:
        """What lies behind any transmission, as far as it is still kept."""
        with store_errors():
            event_id = _text(self._client.hget(f"t:{transmission_id}", "e"))
        return self._histories([(transmission_id, event_id)])[0]

    def _histories(self, ids: Sequence[tuple[str, str]]) -> Sequence[History]:
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for transmission_id, event_id in ids:
                pipe.get(f"e:{event_id}")
                pipe.lrange(f"x:{transmission_id}", 0, -1)
            answers: Any = pipe.execute()
        codec = Codec()
        return [
            History(
                *(codec.unpack_event(event) if event else ("", "", b"")),
                exchanges=tuple(codec.unpack_exchange(record) for record in exchanges),
            )
            for event, exchanges in zip(answers[::2], answers[1::2], strict=True)
        ]

    def as_sent_again(self, transmission_id: str) -> Transmission | None:
        """What a worker would be given if a person sent it again now; None when it is not dead."""
        [t] = self._rows([f"t:{transmission_id}"])
        if t.get("st") != State.DEAD:
            return None
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(f"e:{t['e']}")
            pipe.hgetall(Ledger.row(t["a"], t["s"]))
            pipe.get("relay:look_first")
            pipe.time()
            event, ledger, look_first, (seconds, _) = pipe.execute()
        t |= {"n": "1", "rp": str(int(seconds) * 1000)}
        return transmission_of(transmission_id, t, event, row(ledger), int(look_first or 0), read_payload)

    def payload(self, event_id: str) -> tuple[str, bytes] | None:
        """Name and raw JSON of the event behind a dead letter; None when its payload has expired."""
        with store_errors():
            record: Any = self._client.get(f"e:{event_id}")
        if record is None:
            return None
        name, _, raw = Codec().unpack_event(record)
        return name, raw

    def assign(self, transmission_id: str, *, actor: str, owner: str, note: str = "") -> bool:
        """Says who looks after it ('' = nobody) and what is known of it; False when it is not dead.

        Both stay with it when it is sent again, and are there should it die again.
        """
        owner, note = _line(owner), _line(note)
        deed = f"given to {owner}" if owner else "given to nobody"
        deed = f"{deed}: {note}" if note else deed
        with store_errors():
            return bool(self._scripts.run("assign", transmission_id, _line(actor), owner, note, deed))

    def replay(self, transmission_id: str, actor: str = "") -> bool:
        """Sends it again, as the same transmission with new attempts; False when it is not dead."""
        with store_errors():
            return bool(self._scripts.run("replay", transmission_id, _line(actor)))

    def discard(self, transmission_id: str, *, actor: str, reason: str) -> str:
        """Gives it up by a person's word: `closed`, or the state that it is in ('': there is none).

        Its followers go on. Money that was discarded is not brought back by a later snapshot.
        """
        return self._close(transmission_id, State.DISCARDED, actor, reason)

    def done_by_hand(
        self,
        transmission_id: str,
        *,
        actor: str,
        record_id: str = "",
        contact_row: str = "",
        writes: Sequence[Write] = (),
    ) -> str:
        """Ends it as done in the CRM by a person, with what the ledger is to know of it.

        `contact_row` is the row of the contact to whose invoices `record_id` is added. Answers `closed`,
        `busy` (another order of that contact is being written: ask again), or the state that it is in.
        """
        return self._close(
            transmission_id, State.DONE_BY_HAND, actor, "done by hand", record_id, contact_row, writes
        )

    def closing(self, transmission_id: str) -> Closing | None:
        """How a person ended it; None when nobody did, or when its record has gone by age."""
        t = self._rows([f"t:{transmission_id}"])[0]
        if "ct" not in t:
            return None
        return Closing(t["st"], t["by"], t["wy"], t["ri"], moment(t["ct"]))

    def _close(
        self,
        transmission_id: str,
        state: State,
        actor: str,
        reason: str,
        record_id: str = "",
        contact_row: str = "",
        writes: Sequence[Write] = (),
    ) -> str:
        flat = chain.from_iterable(writes)
        with store_errors():
            answer: bytes = self._scripts.run(
                "close", transmission_id, state, actor, reason, record_id, *self._seconds, contact_row,
                len(writes), *flat,
            )  # fmt: skip
        return answer.decode()

    def _accounts(self) -> Sequence[str]:
        with store_errors():
            return sorted(text(name) for name in self._client.smembers("accounts"))

    def _rows(self, keys: Sequence[str]) -> Sequence[dict[str, str]]:
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            return [row(fields) for fields in pipe.execute()]

    def _followers(self, dead: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, tuple[Follower, ...]]:
        """Per dead letter those behind it in its subject's line that it holds back."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for _, t in dead:
                pipe.hget(Ledger.row(t["a"], t["s"]), "q")
            lines = [_text(line).split() for line in pipe.execute()]
        behind = {
            tid: line[line.index(tid) + 1 :] if tid in line else []
            for (tid, _), line in zip(dead, lines, strict=True)
        }
        ids = sorted(set(chain.from_iterable(behind.values())))
        records = dict(zip(ids, self._rows([f"t:{tid}" for tid in ids]), strict=True))
        return {
            tid: tuple(follower_of(one, records[one]) for one in behind[tid] if holds(t, records[one]))
            for tid, t in dead
        }


def _line(words: str) -> str:
    """A person's words on one line, and not more of them than anybody reads."""
    return " ".join(words.split())[:LONGEST_WORDS]


def _text(value: bytes | str | None) -> str:
    return text(value) if value is not None else ""

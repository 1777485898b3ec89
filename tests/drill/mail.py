"""A hostile UltraCart: events twice and thrice, shuffled, in batches, repeated after time-outs."""

import copy
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import requests

from tests.drill.truth import Acknowledged, Event, Meaning

# How far an event strays from its place in time, and how far behind it its repetitions come.
STRAYS, REPEATS = 60, 400
POSTERS = 4
# UltraCart gives up earlier than the receiver answers now and then: then it repeats what may have been taken.
GIVES_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Delivery:
    """One POST: its body and the events in it."""

    body: bytes
    events: tuple[Event, ...]


def deliveries(events: Sequence[Event], chance: Random) -> list[Delivery]:
    """All events, some several times and rendered anew, out of order, in batches of one to twenty."""
    placed = [(place + chance.uniform(0, STRAYS), event) for place, event in enumerate(events)]
    for place, event in enumerate(events):
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            again = event if chance.random() < 0.5 else rendered_anew(event)
            placed.append((place + chance.uniform(0, REPEATS), again))
    waiting = [event for _, event in sorted(placed, key=lambda one: one[0])]
    found = []
    while waiting:
        size = chance.choice((1, 1, 2, 3, 5, 20))
        found.append(_delivery(waiting[:size], chance))
        waiting = waiting[size:]
    return found


def rendered_anew(event: Event) -> Event:
    """The same object with what UltraCart changes by itself: exchange rates, and words that nobody reads."""
    payload = copy.deepcopy(event.payload)
    for amount in payload.get("summary", {}).values():
        amount["exchange_rate"] = 1.02
    return Event(event.name, payload | {"language_iso_code": "ENG"}, event.means)


def _delivery(events: Sequence[Event], chance: Random) -> Delivery:
    batch = [{event.name: event.payload} for event in events]
    body = json.dumps(batch if chance.random() < 0.3 else {"events": batch})
    return Delivery(body.encode(), tuple(events))


@dataclass
class Postman:
    """Posts deliveries from several threads, each as often as it takes, evenly over the time that it has."""

    url: str
    deliveries: list[Delivery]
    seconds: float
    posted: int = 0
    refused: int = 0
    taken: dict[Meaning, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begins to post."""
        begin, step = time.monotonic(), self.seconds / max(len(self.deliveries), 1)
        queue = [(begin + number * step, one) for number, one in enumerate(self.deliveries)][::-1]
        self._threads = [
            threading.Thread(target=self._work, args=(queue,), daemon=True) for _ in range(POSTERS)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        """Whether everything was acknowledged."""
        return not any(thread.is_alive() for thread in self._threads)

    def acknowledged(self) -> list[Acknowledged]:
        """What the relay owns, since when."""
        with self._lock:
            return [Acknowledged(meaning, at) for meaning, at in self.taken.items()]

    def _work(self, queue: list[tuple[float, Delivery]]) -> None:
        with requests.Session() as session:
            while True:
                with self._lock:
                    if not queue:
                        return
                    due, delivery = queue.pop()
                time.sleep(max(0.0, due - time.monotonic()))
                while not self._post(session, delivery):
                    time.sleep(0.5)

    def _post(self, session: requests.Session, delivery: Delivery) -> bool:
        try:
            answer = session.post(
                self.url, data=delivery.body, auth=("demo", "demo"), timeout=GIVES_UP_SECONDS
            )
            taken = answer.status_code == 200
        except requests.RequestException:
            taken = False
        with self._lock:
            self.posted += 1
            self.refused += not taken
            for event in delivery.events if taken else ():
                for meaning in event.means:
                    self.taken.setdefault(meaning, time.time())
        return taken

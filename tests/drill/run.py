"""One drill from the first event to the verdict."""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import requests

from tests.drill.mail import Postman, deliveries
from tests.drill.mischief import Mischief, order_faults, refund_faults
from tests.drill.relay import STORE_ERRORS, Relay, Store
from tests.drill.shop import Shop
from tests.drill.verdict import Crm, Left, Verdict, judge
from tests.servers import Sandbox, wait_until

# An announced write whose worker died waits for its lease, and then for the quiet time and a second look.
SETTLE_SECONDS = 900.0
LOOK_SECONDS = 5.0


@dataclass
class Drill:
    """A seed, how many events, how long things go wrong (seconds), and how much faster than real it goes."""

    seed: int
    events: int
    seconds: float
    pace: float = 1.0
    say: Callable[[str], None] = lambda text: None
    kept: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Verdict:
        """Starts everything, does its worst, waits until all is settled, and compares."""
        with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as directory:
            sandbox = Sandbox(Path(directory))
            relay = Relay(Path(directory), sandbox, self.pace)
            try:
                sandbox.start()
                relay.start()
                return self._drill(relay, sandbox)
            finally:
                relay.stop(40)
                sandbox.kill()
                self.kept["log"] = (Path(directory) / "relay.log").read_text(errors="replace")

    def _drill(self, relay: Relay, sandbox: Sandbox) -> Verdict:
        events = Shop(self.seed, int(time.time()) + 60).events(self.events)
        chance = Random(f"mischief {self.seed}")
        standing = [*order_faults(events, chance, self.pace), *refund_faults(chance, self.pace)]
        sandbox.faults(*standing)
        mail = deliveries(events, Random(f"mail {self.seed}"))
        postman = Postman(relay.url, mail, self.seconds * 0.9)
        mischief = Mischief(relay, sandbox, lambda: Store(relay.services()), chance, self.pace, standing)
        told = sum(len(one.events) for one in mail)
        self.say(f"{len(events)} events, told {told} times in {len(mail)} deliveries; {len(standing)} faults")
        acts = mischief.plan(self.seconds)
        stop = threading.Event()
        doing = threading.Thread(target=mischief.run, args=(acts, stop), daemon=True)
        postman.start()
        doing.start()
        self._watch(relay, postman, mischief, doing)
        mischief.calm()
        self._settle(relay, postman, mischief)
        return self._judge(relay, sandbox, postman, mischief)

    def _watch(self, relay: Relay, postman: Postman, mischief: Mischief, doing: threading.Thread) -> None:
        while doing.is_alive() or not postman.done:
            doing.join(LOOK_SECONDS)
            if not doing.is_alive():
                mischief.calm()
                time.sleep(1)
            self._tell(relay, postman, mischief)

    def _settle(self, relay: Relay, postman: Postman, mischief: Mischief) -> None:
        """Until nothing is open any more, or for so long that it never will be."""
        end = time.monotonic() + SETTLE_SECONDS / self.pace + 60
        while time.monotonic() < end:
            try:
                store = Store(relay.services())
                if not store.open() and not store.queued():
                    return
            except STORE_ERRORS:
                pass
            time.sleep(LOOK_SECONDS / min(self.pace, 5))
            self._tell(relay, postman, mischief)

    def _judge(self, relay: Relay, sandbox: Sandbox, postman: Postman, mischief: Mischief) -> Verdict:
        wait_until(lambda: not sandbox.ledger()["pending_commits"], 30, "the last late write")
        left = _patiently(lambda: Store(relay.services()).left(mischief.put_back))
        journal = requests.get(f"{sandbox.base}/journal", timeout=30).json()
        self.kept["done"] = dict(mischief.done)
        self.kept["posts"] = postman.posted
        return judge(postman.acknowledged(), Crm(sandbox.ledger(), journal), left)

    def _tell(self, relay: Relay, postman: Postman, mischief: Mischief) -> None:
        try:
            states = Store(relay.services()).states()
        except STORE_ERRORS:
            states = {}
        done = " ".join(f"{number} {name}," for name, number in sorted(mischief.done.items()))
        waits = sum(number for state, number in states.items() if state not in ("delivered", "skipped"))
        self.say(
            f"posted {postman.posted}, refused {postman.refused}, facts owned {len(postman.taken)}; "
            f"{done} delivered {states.get('delivered', '?')}, open {waits if states else '?'}"
        )


def _patiently(read: Callable[[], Left]) -> Left:
    """The first answer: the last victim may be the store."""
    end = time.monotonic() + 60
    while True:
        try:
            return read()
        except STORE_ERRORS:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)

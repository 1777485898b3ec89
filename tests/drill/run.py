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

from tests.drill.alerts import KEYS
from tests.drill.ending import add_what_else_is_wrong
from tests.drill.listener import Listener, listening
from tests.drill.lookout import Lookout
from tests.drill.mail import Postman, deliveries
from tests.drill.mischief import Act, Mischief, contact_faults, order_faults, refund_faults
from tests.drill.polled import Catalogue
from tests.drill.relay import STORE_ERRORS, PacedSandbox, Relay, Store
from tests.drill.scene import Scene
from tests.drill.shop import Shop
from tests.drill.verdict import Crm, Left, Verdict, judge
from tests.servers import wait_until

# An announced write whose worker died waits for its lease, and then for the quiet time and a second look.
SETTLE_SECONDS = 900.0
LOOK_SECONDS = 5.0
# Our budget and what is left of the account's limit. A drill that has more to say gets a larger budget, which
# is short all the same, so that there is a backlog.
OURS, LEFT = 170, 10
REQUESTS_AN_EVENT, SHORT = 0.9, 1.2


@dataclass
class Drill:
    """A seed, how many events, how long things go wrong (seconds), and how much faster than real it goes."""

    seed: int
    events: int
    seconds: float
    pace: float = 1.0
    say: Callable[[str], None] = lambda text: None
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> int:
        """Requests a minute: the real budget, or somewhat less than these events need in this time."""
        needed = REQUESTS_AN_EVENT * self.events / (SHORT * self.seconds / 60)
        return round(max(OURS, needed))

    def run(self) -> Verdict:
        """Starts everything, does its worst, waits until all is settled, and compares."""
        with (
            tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as directory,
            listening() as listener,
        ):
            here = Path(directory)
            # At a pace of 10 the account's minute has six seconds.
            ours = self.rate / self.pace
            sandbox = PacedSandbox(here, round(max(ours + LEFT, ours * (1 + LEFT / OURS))), self.pace)
            relay = Relay(here, sandbox, self.pace, self.rate, listener.url)
            try:
                sandbox.start()
                relay.start()
                return self._drill(self._scene(relay, sandbox, listener))
            finally:
                relay.stop(40)
                sandbox.kill()
                self.kept["log"] = (here / "relay.log").read_text(errors="replace")

    def _scene(self, relay: Relay, sandbox: PacedSandbox, listener: Listener) -> Scene:
        begin = int(time.time()) + 1
        shop = Shop(self.seed, begin)
        events = shop.events(self.events)
        chance = Random(f"mischief {self.seed}")
        standing = [
            *order_faults(events, chance, self.pace),
            *contact_faults(events, chance),
            *refund_faults(chance, self.pace),
        ]
        mail = deliveries(events, Random(f"mail {self.seed}"))
        lookout = Lookout(relay, sandbox, self.pace)
        store, was_told = (lambda: Store(relay.services())), (lambda: listener.told(KEYS))
        told = sum(len(one.events) for one in mail)
        self.say(f"{len(events)} events, told {told} times in {len(mail)} deliveries; {len(standing)} faults")
        return Scene(
            relay,
            sandbox,
            listener,
            lookout,
            shop,
            Postman(relay.url, mail, self.seconds * 0.9),
            Catalogue(sandbox, self.seed, begin),
            Mischief(relay, sandbox, store, lookout, was_told, chance, self.pace, standing),
        )

    def _drill(self, scene: Scene) -> Verdict:
        mischief = scene.mischief
        scene.sandbox.faults(*mischief.standing)
        scene.sandbox.fill({"items": scene.shop.items})
        acts = [*mischief.plan(self.seconds), *scene.catalogue.acts(self.seconds)]
        stop = threading.Event()
        doing = threading.Thread(target=mischief.run, args=(sorted(acts, key=_when), stop), daemon=True)
        scene.lookout.start()
        scene.postman.start()
        doing.start()
        self._watch(scene, doing)
        mischief.calm()
        self._settle(scene)
        return self._judge(scene)

    def _watch(self, scene: Scene, doing: threading.Thread) -> None:
        while doing.is_alive() or not scene.postman.done:
            doing.join(LOOK_SECONDS)
            if not doing.is_alive():
                scene.mischief.calm()
                time.sleep(1)
            self._tell(scene)

    def _settle(self, scene: Scene) -> None:
        """Until nothing is open any more, or for so long that it never will be."""
        calm_at = time.time()
        end = time.monotonic() + SETTLE_SECONDS / self.pace + 60
        while time.monotonic() < end:
            try:
                store = Store(scene.relay.services())
                still = store.open() or store.queued() or not store.polled_since(calm_at)
                if not still and not store.wrong() and not scene.listener.unheard():
                    return
            except STORE_ERRORS:
                pass
            time.sleep(LOOK_SECONDS / min(self.pace, 5))
            self._tell(scene)

    def _judge(self, scene: Scene) -> Verdict:
        sandbox, mischief = scene.sandbox, scene.mischief
        scene.lookout.stop()
        wait_until(lambda: not sandbox.ledger()["pending_commits"], 30, "the last late write")
        left = _patiently(lambda: Store(scene.relay.services()).left(mischief.put_back))
        journal = requests.get(f"{sandbox.base}/journal", timeout=30).json()
        ledger = sandbox.ledger()
        told = [*scene.postman.acknowledged(), *scene.catalogue.told]
        verdict = judge(told, Crm(ledger, journal), left)
        add_what_else_is_wrong(verdict, scene, told)
        requests_made = {"requests": ledger["requests"]["total"], "limit": ledger["requests"]["limit"]}
        busiest = {"busiest_minute": ledger["requests"]["peak_minute"]}
        self.kept["done"] = {**dict(sorted(mischief.done.items())), **requests_made, **busiest}
        self.kept["posts"] = scene.postman.posted
        return verdict

    def _tell(self, scene: Scene) -> None:
        postman, mischief = scene.postman, scene.mischief
        try:
            states = Store(scene.relay.services()).states()
        except STORE_ERRORS:
            states = {}
        done = " ".join(f"{number} {name}," for name, number in sorted(mischief.done.items()))
        waits = sum(number for state, number in states.items() if state not in ("delivered", "skipped"))
        self.say(
            f"posted {postman.posted}, refused {postman.refused}, facts owned {len(postman.taken)}; "
            f"{done} delivered {states.get('delivered', '?')}, open {waits if states else '?'}"
        )


def _when(act: Act) -> float:
    return act[0]


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

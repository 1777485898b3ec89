"""A worker's thread that stands still where it hurts most, for longer than its lease lasts.

A freeze of the whole process meets these seams, which are microseconds wide, hardly ever.
"""

import os
import time
from random import Random
from typing import Any

from app.delivery.attempt import Call
from app.store.scripting import Scripts

# Permission asked, result kept, attempt ended; the fourth seam lies between permission and the first byte.
SCRIPTS = frozenset({"announce", "complete", "settle"})
# Long enough for another worker to take over, look twice and write again.
HALT_SECONDS = (90.0, 200.0)
OF_REQUESTS = 5


def apply(share: float, pace: float) -> None:
    """From now on that share of these scripts halts, and five times that of the requests."""
    if not share:
        return
    chance = Random(os.getpid())
    run, check = Scripts.run, Call.check

    def halt(likely: float) -> None:
        if chance.random() < likely:
            time.sleep(chance.uniform(*HALT_SECONDS) / pace)

    def run_late(self: Scripts, name: str, *args: Any) -> Any:
        if name in SCRIPTS:
            halt(share)
        return run(self, name, *args)

    def check_late(self: Call) -> None:
        halt(OF_REQUESTS * share)
        check(self)

    Scripts.run = run_late  # type: ignore[method-assign]
    Call.check = check_late  # type: ignore[method-assign]

"""A worker's thread that stands still where it hurts most, for longer than its lease lasts.

A freeze of the whole process meets these seams, which are microseconds wide, hardly ever.
"""

import os
import time
from random import Random
from typing import Any

from app.delivery.attempt import Call
from app.store.scripting import Scripts

LEASE_SECONDS = 80.0
# Permission asked, result kept, attempt ended.
SCRIPTS = frozenset({"announce", "complete", "settle"})


def apply(share: float, pace: float) -> None:
    """From now on that share of the steps halts: these scripts, and requests that were permitted."""
    if not share:
        return
    chance = Random(os.getpid())
    run, check = Scripts.run, Call.check

    def halt() -> None:
        if chance.random() < share:
            time.sleep(chance.uniform(1.0, 1.3) * LEASE_SECONDS / pace)

    def run_late(self: Scripts, name: str, *args: Any) -> Any:
        if name in SCRIPTS:
            halt()
        return run(self, name, *args)

    def check_late(self: Call) -> None:
        halt()
        check(self)

    Scripts.run = run_late  # type: ignore[method-assign]
    Call.check = check_late  # type: ignore[method-assign]

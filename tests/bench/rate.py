"""How much of the allowed rate a backlog uses, and whether the CRM ever says 429; for tests.bench only."""

import time
from pathlib import Path
from typing import Any

from tests.bench.intake import Say
from tests.bench.processes import Children
from tests.bench.report import Figure, Part, Table
from tests.bench.rig import Rig

ACCOUNT_RATE = 180
OUR_RATE = 170
GOAL = 0.97
MINUTES = 3
REQUESTS_PER_FIRST_SALE = 2


def measure_rate(work: Path, say: Say) -> Part:
    """Three minutes of a backlog against the real limit, with 1 and with 4 worker processes."""
    part = Part(raw={"rate": [_run(work, workers, say) for workers in (1, 4)]})
    for run in part.raw["rate"]:
        least = min(run["shares"][1:MINUTES])
        who = f"{run['workers']} worker process(es)"
        part.figures += [
            Figure(
                f"share of {OUR_RATE} a minute used, {who}", f"{least:.1%}", f"≥ {GOAL:.0%}", least >= GOAL
            ),
            Figure(f"429 answers, {who}", str(run["throttled"]), "0", run["throttled"] == 0),
        ]
    part.tables.append(_table(part.raw["rate"]))
    return part


def _table(runs: list[dict[str, Any]]) -> Table:
    rows = [
        [
            str(run["workers"]),
            *(f"{share:.1%}" for share in run["shares"]),
            str(run["throttled"]),
            f"{run['sales']} of {run['sales_affordable']}",
            f"{run['workers_mib']:.0f}",
        ]
        for run in runs
    ]
    header = ("worker processes", "minute 1", "minute 2", "minute 3", "429s", "sales logged", "workers MiB")
    note = (
        f"Share of our {OUR_RATE} requests a minute; the account allows {ACCOUNT_RATE} in any 60 s. "
        f"Sales logged, of those that the requests could have paid for: every customer is new, so "
        f"{REQUESTS_PER_FIRST_SALE} requests a sale."
    )
    return Table("Use of the allowed rate", header, rows, note)


def _run(work: Path, workers: int, say: Say) -> dict[str, Any]:
    say(f"rate with {workers} worker process(es): {MINUTES} minutes of backlog")
    with Children(work) as children:
        rig = Rig(children, work / f"rate-{workers}", account_rate=ACCOUNT_RATE, our_rate=OUR_RATE)
        rig.admit(range(1, OUR_RATE * (MINUTES + 1) + 1))
        rig.start_workers(workers)
        _await_first_request(rig)
        time.sleep(MINUTES * 60 + 1)
        kib, seen = rig.workers_kib(), rig.crm()
    shares = [count / OUR_RATE for count in (*seen.by_minute, *([0] * MINUTES))[:MINUTES]]
    return {
        "workers": workers,
        "shares": shares,
        "throttled": seen.throttled,
        "sales": seen.sales,
        "sales_affordable": sum(seen.by_minute[:MINUTES]) // REQUESTS_PER_FIRST_SALE,
        "workers_mib": kib / 1024,
        "calls": seen.by_route,
    }


def _await_first_request(rig: Rig, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not rig.crm().requests:
        if time.monotonic() > deadline:
            raise TimeoutError("the workers made no request")
        time.sleep(0.1)

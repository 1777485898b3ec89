"""How fast a backlog drains into a CRM without limit, and what a sale costs there; for tests.bench only."""

from pathlib import Path
from typing import Any

from tests.bench.intake import Say
from tests.bench.processes import Children
from tests.bench.report import Part, Table
from tests.bench.rig import UNLIMITED, WORKER_THREADS, Rig

WAIT_SECONDS = 240.0


def measure_drain(work: Path, sales: int, say: Say) -> Part:
    """First sales of new customers, then second sales of the same, with 1 and with 4 worker processes."""
    runs = [run for workers in (1, 4) for run in _drain(work, workers, sales, say)]
    rows = [
        [
            str(run["workers"]),
            run["what"],
            f"{run['sales']:,}",
            f"{run['sales_per_second']:.0f}",
            f"{run['requests_per_sale']:.2f}",
            str(run["twice"]),
        ]
        for run in runs
    ]
    header = ("worker processes", "backlog", "sales", "sales/s", "requests a sale", "logged twice")
    note = (
        f"Admitted while no worker runs, {WORKER_THREADS} threads a worker; a CRM on the same two cores that "
        "answers at once and has no limit. The clock starts at the first request."
    )
    return Part(tables=[Table("Drain of a backlog", header, rows, note)], raw={"drain": runs})


def _drain(work: Path, workers: int, sales: int, say: Say) -> list[dict[str, Any]]:
    with Children(work) as children:
        rig = Rig(children, work / f"drain-{workers}", account_rate=0, our_rate=UNLIMITED)
        first = _one(rig, workers, range(1, sales + 1), "first sale of a customer")
        say(f"drain with {workers} worker process(es): {first['sales_per_second']:.0f} sales/s")
        return [first, _one(rig, workers, range(sales + 1, 2 * sales + 1), "next sale of the same", sales)]


def _one(rig: Rig, workers: int, numbers: range, what: str, customers: int = 0) -> dict[str, Any]:
    rig.admit(numbers, lambda number: number - customers)
    before = rig.crm()
    rig.start_workers(workers)
    seconds = rig.await_sales(before.sales + len(numbers), WAIT_SECONDS)
    rig.stop_workers()
    after = rig.crm()
    return {
        "workers": workers,
        "what": what,
        "sales": len(numbers),
        "seconds": seconds,
        "sales_per_second": len(numbers) / seconds,
        "requests_per_sale": (after.requests - before.requests) / len(numbers),
        "twice": after.twice,
        "calls": {route: after.by_route[route] - before.by_route.get(route, 0) for route in after.by_route},
    }

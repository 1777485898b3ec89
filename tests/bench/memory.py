"""What a sale costs in Redis, and whether workers grow with the backlog; for tests.bench only."""

import statistics
import time
from pathlib import Path
from typing import Any

from tests.bench.intake import Say
from tests.bench.processes import Children
from tests.bench.rate import ACCOUNT_RATE, OUR_RATE
from tests.bench.report import Figure, Part, Table
from tests.bench.rig import UNLIMITED, Rig

WAITING_GOAL = 2000
GROWTH_GOAL = 0.10
FIRST_SALES = 20
WARM_UP = 40
DRAIN_SECONDS = 300.0


def measure_memory(work: Path, sales: int, backlogs: tuple[int, int], run_seconds: float, say: Say) -> Part:
    """Bytes a waiting and a delivered sale, then the workers' memory before two sizes of backlog."""
    store = _store(work, sales, say)
    workers = _workers(work, backlogs, run_seconds, say)
    small, large = (row["own_kib"] for row in workers)
    growth = large / small - 1
    waiting = store["bytes_per_waiting_sale"]
    figures = [
        Figure("Redis a waiting sale", f"{waiting:,.0f} B", f"≤ {WAITING_GOAL:,} B", waiting <= WAITING_GOAL),
        Figure(
            f"worker memory from {backlogs[0]:,} to {backlogs[1]:,} waiting",
            f"{growth:+.1%}",
            f"± {GROWTH_GOAL:.0%}",
            abs(growth) <= GROWTH_GOAL,
        ),
    ]
    return Part(
        figures, [_store_table(store), _worker_table(workers)], {"memory": store, "worker_memory": workers}
    )


def _store(work: Path, sales: int, say: Say) -> dict[str, Any]:
    with Children(work) as children:
        rig = Rig(children, work / "memory", account_rate=0, our_rate=UNLIMITED)
        rig.admit(range(1, WARM_UP + 1))
        _drain(rig, WARM_UP)
        empty = rig.memory()
        rig.admit(range(WARM_UP + 1, WARM_UP + sales + 1))
        waiting = rig.memory()
        say(f"memory: {(waiting - empty) / sales:,.0f} B a waiting sale")
        _drain(rig, WARM_UP + sales)
        delivered = rig.memory()
    return {
        "sales": sales,
        "used_empty": empty,
        "used_waiting": waiting,
        "used_delivered": delivered,
        "bytes_per_waiting_sale": (waiting - empty) / sales,
        "bytes_per_delivered_sale": (delivered - empty) / sales,
    }


def _drain(rig: Rig, sales: int) -> None:
    rig.start_workers(2)
    rig.await_sales(sales, DRAIN_SECONDS)
    time.sleep(1)
    rig.stop_workers()


def _workers(work: Path, backlogs: tuple[int, int], run_seconds: float, say: Say) -> list[dict[str, Any]]:
    # The first sales of all make the products, which is other work than what is compared: it goes before.
    rows, admitted = [], FIRST_SALES
    with Children(work) as children:
        rig = Rig(children, work / "workers", account_rate=ACCOUNT_RATE, our_rate=OUR_RATE)
        rig.admit(range(1, FIRST_SALES + 1))
        rig.start_workers(1)
        rig.await_sales(FIRST_SALES, 60)
        rig.stop_workers()
        for backlog in backlogs:
            rig.admit(range(admitted + 1, backlog + 1))
            admitted = backlog
            say(f"worker memory with {backlog:,} waiting: {run_seconds:.0f} s of work")
            rig.start_workers(1)
            kib = _own_after(rig, run_seconds)
            rows.append({"waiting": backlog, "own_kib": kib, "redis_bytes": rig.memory()})
            rig.stop_workers()
    return rows


def _own_after(rig: Rig, seconds: float) -> float:
    """The median of the last ten seconds' looks."""
    time.sleep(max(0.0, seconds - 10))
    looks = []
    for _ in range(10):
        looks.append(rig.workers_kib())
        time.sleep(1)
    return statistics.median(looks)


def _store_table(store: dict[str, Any]) -> Table:
    rows = [
        ["waiting", f"{store['bytes_per_waiting_sale']:,.0f}"],
        ["delivered, before anything expires", f"{store['bytes_per_delivered_sale']:,.0f}"],
    ]
    note = (
        f"`used_memory` over {store['sales']:,} unique sales of 2.7 kB of JSON, everything counted. "
        "A delivered sale keeps its payload for PAYLOAD_DAYS, its exchanges for EXCHANGE_DAYS and "
        "its ledger row for LEDGER_DAYS."
    )
    return Table("Redis memory", ("state of the sale", "bytes each"), rows, note)


def _worker_table(workers: list[dict[str, Any]]) -> Table:
    rows = [
        [f"{row['waiting']:,}", f"{row['own_kib'] / 1024:.1f}", f"{row['redis_bytes'] / 2**20:.0f}"]
        for row in workers
    ]
    note = "One worker process, newly started before each backlog and working at the allowed rate."
    return Table("Worker memory", ("waiting sales", "worker MiB of its own", "Redis MiB"), rows, note)

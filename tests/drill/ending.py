"""What is judged in the end besides the CRM's ledger: alerts, reconciliation, queues, limits, processes."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.drill.alerts import LASTING, Known, judge_alerts
from tests.drill.relay import Relay, Store
from tests.drill.scene import Scene
from tests.drill.truth import Acknowledged
from tests.drill.verdict import Verdict
from tests.servers import PATIENCE

LATE_SECONDS = 60.0
FORM = "%Y-%m-%dT%H:%M:%S"


def add_what_else_is_wrong(verdict: Verdict, scene: Scene, told: Sequence[Acknowledged]) -> None:
    """Adds to the verdict; asks the running relay by its own commands."""
    verdict.found["away"] += _away(scene.relay)
    verdict.found["long_queues"] += scene.lookout.long_queues()
    verdict.found["over_the_limit"] += scene.lookout.throttled
    verdict.found["knocked"] += ["a call with keys that were known to be refused"] * scene.mischief.knocks
    verdict.found["alerts"] += [*judge_alerts(scene.listener.taken(), _known(scene, told)), *_unsaid(scene)]
    verdict.found["unreconciled"] += _unreconciled(scene)


def _away(relay: Relay) -> Sequence[str]:
    end = time.monotonic() + PATIENCE * 15
    while (away := relay.away()) and time.monotonic() < end:
        time.sleep(0.5)
    return away


def _known(scene: Scene, told: Sequence[Acknowledged]) -> Known:
    rows = scene.sandbox.ledger()["transactions"]
    return Known(
        told=told,
        logged={row["external_order_id"]: _seconds(row["logged_at"]) for row in rows},
        refusals=scene.mischief.refusals,
        closed=scene.lookout.closed,
        lost_wake_ups=Store(scene.relay.services()).lost_wake_ups(),
        late_seconds=LATE_SECONDS / scene.lookout.pace - scene.mischief.put_back,
    )


def _unsaid(scene: Scene) -> Iterator[str]:
    """What the relay's own commands say is still wrong, and what was never told again after a refusal."""
    _, alerts = scene.relay.cli("alerts")
    yield from (f"{one['group']} is open" for one in alerts["open"] if one["name"] not in LASTING)
    yield from (f"a message of {one['at']} was never sent" for one in alerts["unsent"])
    yield from (f"never came again: {one['subject']}" for one in scene.listener.unheard())
    code, status = scene.relay.cli("status")
    if code:
        yield f"relay status ends with {code}: {status['open']} open"


def _unreconciled(scene: Scene) -> Iterator[str]:
    """The shop's own orders against the ledger, by `relay reconcile` over all that happened."""
    scene.sandbox.fill({"orders": list(scene.shop.orders.values())})
    begin, end = scene.shop.begin, scene.shop.end + 1
    # A span ends now at the latest, and the shop of a short drill is ahead of the clock.
    time.sleep(max(0.0, end + 1 - time.time()))
    span = [datetime.fromtimestamp(at, UTC).strftime(FORM) for at in (begin, end)]
    code, report = scene.relay.cli("reconcile", "--since", span[0], "--until", span[1])
    if code or not report["complete"]:
        yield f"relay reconcile ends with {code}, {report.get('completeness')} % complete"
    yield from (_difference(one) for one in report["differences"] if one["verdict"] != "skipped")
    sales = {row["external_order_id"] for row in scene.sandbox.ledger()["transactions"]}
    if report["sales"]["shop"] != len(sales):
        yield f"{report['sales']['shop']} sales were compared and {len(sales)} are in the CRM"


def _difference(one: dict[str, Any]) -> str:
    return f"{one['kind']} of {one['order_id']} is {one['verdict']}: {one['why']}"


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

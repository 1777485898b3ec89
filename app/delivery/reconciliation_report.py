"""What a comparison found, for people and programs: per day and currency, and each difference by order."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.delivery.reconciliation import Job, Tally
from app.events import Kind
from app.relay.comparison import percent

MOST_SHOWN = 200
EXPLAINED = {
    "waiting": "on its way",
    "missing": "nobody told the relay of it",
    "differs": "the amounts differ",
    "dead": "dead letter",
    "skipped": "skipped",
}


def document(merchant_id: str, job: Job, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The report as JSON types; money as text in its currency, completeness in % of what counts."""
    days = sorted(job.days.values(), key=lambda tally: (tally.day, tally.currency, tally.kind))
    return {
        "merchant": merchant_id,
        "job": job.name,
        "since": job.span.since.isoformat(),
        "until": job.span.until.isoformat(),
        "ended_at": job.ended_at,
        "complete": is_complete(job),
        "completeness": job.completeness,
        "admitted": job.admitted,
        "unreadable": job.unreadable,
        "sales": _sum(days, Kind.SALE),
        "refunds": _sum(days, Kind.REFUND),
        "days": [_day(one) for one in days],
        "differences": list(found),
        "differences_not_listed": max(0, job.differences - len(found)),
    }


def is_complete(job: Job) -> bool:
    """Whether everything was read, and all that counts is in the ledger with the shop's amount."""
    everything_read = job.place is None and not job.unreadable
    return everything_read and all(one.relay == one.shop for one in job.days.values())


def text(report: Mapping[str, Any]) -> str:
    """The report for a person."""
    return "\n".join([*_head(report), "", *_table(report["days"]), "", *_differences(report)]) + "\n"


def write(directory: Path, report: Mapping[str, Any]) -> Path:
    """Puts both forms into `directory`, in the place of older ones of this span; the path of the JSON one."""
    directory.mkdir(parents=True, exist_ok=True)
    span = "-".join(report[name][:16].replace(":", "").replace("-", "") for name in ("since", "until"))
    file = directory / f"reconcile-{report['merchant']}-{report['job'].replace(' ', '-')}-{span}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    file.with_suffix(".txt").write_text(text(report))
    return file


def _sum(days: Iterable[Tally], kind: Kind) -> dict[str, Any]:
    mine = [one for one in days if one.kind == kind]
    counted, there = sum(one.shop for one in mine), sum(one.relay for one in mine)
    skipped = sum(one.skipped for one in mine)
    return {"shop": counted, "ledger": there, "skipped": skipped, "completeness": percent(there, counted)}


def _day(tally: Tally) -> dict[str, Any]:
    return {
        "day": tally.day,
        "currency": tally.currency,
        "kind": tally.kind,
        "shop": {"count": tally.shop, "money": _money(tally.shop_cents)},
        "ledger": {"count": tally.relay, "money": _money(tally.relay_cents)},
        "skipped": tally.skipped,
        "completeness": percent(tally.relay, tally.shop),
        "completeness_money": percent(tally.relay_cents, tally.shop_cents),
    }


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}"


def _head(report: Mapping[str, Any]) -> Iterator[str]:
    span = f"{report['since'][:16]} to {report['until'][:16]} UTC"
    yield f"Reconciliation of {report['merchant']} ({report['job']}), {span}"
    yield f"{report['completeness']:.2f} % complete: " + "; ".join(
        f"{name} {report[name]['ledger']} of {report[name]['shop']}" for name in ("sales", "refunds")
    )
    if report["admitted"]:
        yield f"{report['admitted']} were missed and are admitted now: run it again once they are delivered"
    if report["unreadable"]:
        yield f"{report['unreadable']} rows of the shop could not be read: look at the log"


def _table(days: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    form = "{:<10}  {:<8}  {:<6}  {:>7} {:>14}  {:>7} {:>14}  {:>7}  {:>7}"
    yield form.format("day (UTC)", "currency", "kind", "shop", "money", "ledger", "money", "%", "skipped")
    for one in days:
        shop, ledger = one["shop"], one["ledger"]
        yield form.format(
            one["day"], one["currency"] or "shop's", one["kind"], shop["count"], shop["money"],
            ledger["count"], ledger["money"], f"{one['completeness']:.2f}", one["skipped"],
        )  # fmt: skip


def _differences(report: Mapping[str, Any]) -> Iterator[str]:
    found = report["differences"]
    if not found:
        yield "No differences."
        return
    counts = Counter(one["verdict"] for one in found)
    yield "Differences: " + ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    # What waits for a person first.
    order = ["dead", "differs", "missing", "waiting", "skipped"]
    for one in sorted(found, key=lambda one: order.index(one["verdict"]))[:MOST_SHOWN]:
        yield "  " + _difference(one)
    left = len(found) - MOST_SHOWN + report["differences_not_listed"]
    if left > 0:
        yield f"  and {left} more"


def _difference(one: Mapping[str, Any]) -> str:
    why = one["why"] or EXPLAINED[one["verdict"]]
    words = [f"{one['kind']:<6}", one["order_id"], f"{one['verdict']}:", f"{why.rstrip('.')};"]
    words.append(f"shop {one['shop']}, ledger {one['ledger']} {one['currency']}".strip())
    if one["transmission"]:
        words.append(f"({one['transmission']})")
    if one["admitted"]:
        words.append("- admitted now")
    return " ".join(words)

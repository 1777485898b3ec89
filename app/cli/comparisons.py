"""Comparisons with the shops in `relay status`: last night's, and what is under way; for app.cli only."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.alerts.readings import Comparison, ShopReading
from app.alerts.wording import time_text
from app.events import JobName

NONE_YET = "not compared with the ledger yet; that is done each night after 03:00 UTC"


def shop_comparisons(shop: ShopReading) -> dict[str, Any]:
    """One shop's comparisons by name (nightly, gap, by-hand, backfill), as JSON types."""
    return {name: _document(one) for name, one in shop.comparisons.items()}


def comparison_words(shops: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What `shop_comparisons` says of each shop: the nightly one, and what is unfinished, a line each."""
    for merchant, comparisons in shops.items():
        if JobName.NIGHTLY not in comparisons:
            yield f"{merchant}: {NONE_YET}"
        for name, one in comparisons.items():
            if name == JobName.NIGHTLY or not one["ended_at"]:
                about = name if name == JobName.BACKFILL else f"{name} reconciliation"
                span = f"{_time(one['since'])} to {_time(one['until'])} UTC"
                yield f"{merchant}: {about} of {span}: {_result(one)}"


def _document(one: Comparison) -> dict[str, Any]:
    return {
        "since": one.since.isoformat(),
        "until": one.until.isoformat(),
        "at": one.at.isoformat(),
        "ended_at": one.at.isoformat() if one.ended else None,
        "progress": round(one.progress, 4),
        "completeness": one.completeness,
        "different": one.different,
        "admitted": one.admitted,
        "unrepaired": one.unrepaired,
    }


def _result(one: Mapping[str, Any]) -> str:
    if not one["ended_at"]:
        return f"{one['progress']:.0%} read, {one['admitted']:,} admitted, last went on at {_time(one['at'])}"
    counts = f"{one['different']:,} different, {one['admitted']:,} admitted"
    return (
        f"{one['completeness']:.2f} % complete, {counts}, {one['unrepaired']:,} left to a person; "
        f"ended at {_time(one['at'])}"
    )


def _time(moment: str) -> str:
    return time_text(datetime.fromisoformat(moment)).removesuffix(" UTC")

"""`relay ledger`: a copy of what was done in the CRM, taken and brought back; for app.cli.main only."""

import json
import sys
from collections import Counter
from pathlib import Path

import click

from app.cli import ledger_file
from app.cli.store import open_services
from app.store import look_first
from app.store.instance import mode
from app.store.ledger_copy import Merged, merge, rows

SHOWN = 20

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a sentence.")
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def ledger() -> None:
    """Export and import what was done: order ids, contact and invoice ids, refunded totals; no payloads."""


@ledger.command("export")
@_FILE
@_JSON
def export(file: Path, as_json: bool) -> None:
    """Write the ledger to FILE as JSON lines (compressed if it ends in .gz), while the relay works.

    It holds no names or addresses (contacts by a hash of their e-mail), but order and contact ids: keep it
    safe.
    """
    services = open_services()
    taken_at = services.clock().isoformat(timespec="seconds")
    head = {"instance": services.mark, "mode": mode(services.settings.sandbox), "taken_at": taken_at}
    number = ledger_file.write(file, head, rows(services.client, services.scripts))
    click.echo(json.dumps({"rows": number}) if as_json else f"{number} rows written to {file}")


@ledger.command("import")
@_FILE
@_JSON
def import_(file: Path, as_json: bool) -> None:
    """Merge the ledger in FILE into this relay's store, and begin look-first mode. May be repeated.

    What either knows to be done is done; what this store knows stays. Rows that contradict it (two invoices
    of one order) are left out and listed, and it ends with 1.
    """
    services = open_services()
    ours = mode(services.settings.sandbox)
    for _ in ledger_file.read(file, ours):
        """To its end before anything is written: a file that is cut off changes nothing."""
    # Before the first row and after the last: what is handed out meanwhile would not know them all.
    look_first.begin(services.client)
    fates: Counter[str] = Counter()
    contradictions: list[Merged] = []
    for row in ledger_file.read(file, ours):
        merged = merge(services.client, services.scripts, services.mark, row)
        fates[merged.fate] += 1
        if merged.reason:
            contradictions.append(merged)
    look_first.begin(services.client)
    counts = {fate: fates[fate] for fate in ("new", "merged", "known", "contradicts")}
    _report(counts, [one.reason for one in contradictions], as_json)
    sys.exit(1 if contradictions else 0)


def _report(counts: dict[str, int], contradictions: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**counts, "contradictions": contradictions}))
        return
    new, merged, known = counts["new"], counts["merged"], counts["known"]
    click.echo(f"{new} rows are new here, {merged} were completed, {known} were known; look-first mode is on")
    for reason in contradictions[:SHOWN]:
        click.echo(f"contradicts, left out: {reason}", err=True)
    if len(contradictions) > SHOWN:
        click.echo(f"and {len(contradictions) - SHOWN} more; --json lists all", err=True)

"""Acknowledged facts against the CRM's ledger: what is lost, doubled, out of order or wrong. Pure."""

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import permutations
from typing import Any

from tests.drill.truth import Acknowledged, Priced, Refunded, Shown, Sold, Tagged

PARTIAL = "Partial refund"

NOTE = re.compile(r"Order (\S+): ([\d.]+) USD refunded on \S+, ([\d.]+) of ")
REFUNDED = "2"
CONTACT_WRITES = ("POST /Contacts/saveorupdate", "PUT /Contacts")


@dataclass(frozen=True)
class Crm:
    """What stands in the CRM, and every write in order, as the sandbox tells it."""

    ledger: Mapping[str, Any]
    journal: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def _contacts(self) -> Mapping[str, Mapping[str, Any]]:
        return {row["email"]: row for row in self.ledger["contacts"]}

    def contact(self, email: str) -> Mapping[str, Any]:
        """The contact of that address; empty when there is none."""
        return self._contacts.get(email, {})

    def fields(self, email: str) -> dict[str, str]:
        """What stands in a contact's fields, the custom ones by their names."""
        return self._named(self.contact(email).get("fields", {}))

    def notes(self, email: str) -> Iterator[tuple[str, int, int]]:
        """What a contact's notes tell of partial refunds: order, amount and total so far in cents."""
        for text in self.contact(email).get("notes", ()):
            if told := NOTE.match(text):
                yield told[1], cents(told[2]), cents(told[3])

    def contact_writes(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every write to a contact's fields: the address, and the fields by their names."""
        emails = {row["id"]: row["email"] for row in self.ledger["contacts"]}
        for write in self.journal:
            if write["route"] in CONTACT_WRITES:
                body = write["body"]
                email = body.get("email") or emails.get(str(body.get("id")), "")
                yield email, self._named(body)

    def _named(self, fields: Mapping[str, Any]) -> dict[str, str]:
        aliases = self.ledger["custom_fields"]
        return {aliases.get(name, name): str(value) for name, value in fields.items()}


@dataclass(frozen=True)
class Left:
    """What the relay itself says when all should be over.

    In words each: what is not done yet, and the dead letters; how many bodies are unreadable and how many
    wake-ups lie on the queues. `lines`: by subject, when each delivered transmission arrived and ended, in
    milliseconds of a clock that was put back by up to `slack_ms`. `notes_in_doubt`: order and refunded cents
    of notes that may never have reached the CRM.
    """

    open: Sequence[str] = ()
    dead: Sequence[str] = ()
    quarantined: int = 0
    queued: int = 0
    lines: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    slack_ms: int = 0
    notes_in_doubt: frozenset[tuple[str, int]] = frozenset()


@dataclass
class Verdict:
    """What was found, in words, by the name of its figure; and the delays in seconds."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    delays: list[float] = field(default_factory=list)

    NAMES = (
        "lost", "doubled", "out_of_order", "wrong_amounts", "invented", "stuck", "dead", "quarantined",
        "left_in_queue", "long_queues", "over_the_limit", "knocked", "alerts", "unreconciled", "away",
    )  # fmt: skip

    def figures(self) -> dict[str, int]:
        """Every figure by its name; all are 0 when the relay kept its promises."""
        return {name: len(self.found[name]) for name in self.NAMES}

    def median(self) -> float:
        """The median delay from the acknowledgement of a sale to its effect."""
        return round(statistics.median(self.delays), 2) if self.delays else 0.0

    def worst(self) -> float:
        """The longest delay of a sale."""
        return round(max(self.delays, default=0.0), 2)


def judge(acknowledged: Iterable[Acknowledged], crm: Crm, left: Left) -> Verdict:
    """The comparison; the ledger must be the one of this drill alone."""
    told = list(acknowledged)
    verdict = Verdict()
    _judge_sales(verdict, told, crm)
    refunds = [one.meaning for one in told if isinstance(one.meaning, Refunded)]
    _judge_refunds(verdict, refunds, crm, left)
    _judge_notes(verdict, refunds, crm)
    fields = [one.meaning for one in told if isinstance(one.meaning, Shown)]
    _judge_fields(verdict, fields, crm)
    _judge_journal(verdict, fields, crm)
    _judge_tags(verdict, [one.meaning for one in told if isinstance(one.meaning, Tagged)], crm)
    _judge_products(verdict, [one.meaning for one in told if isinstance(one.meaning, Priced)], crm)
    for what, ids in crm.ledger["duplicates"].items():
        verdict.found["doubled"] += [f"{what}: {name} as {', '.join(found)}" for name, found in ids.items()]
    _judge_left(verdict, left)
    return verdict


def _judge_sales(verdict: Verdict, told: Sequence[Acknowledged], crm: Crm) -> None:
    logged = defaultdict(list)
    for row in crm.ledger["transactions"]:
        logged[row["external_order_id"]].append(row)
    sales = {one.meaning: one.at for one in told if isinstance(one.meaning, Sold)}
    for sale, at in sales.items():
        rows = logged.pop(sale.order, [])
        if not rows:
            verdict.found["lost"].append(f"the sale of {sale.order}")
            continue
        row = rows[0]
        expected = (sale.cents, sale.paid, sale.email)
        found = (cents(row["total"]), row["date"], row["email"])
        if found != expected:
            verdict.found["wrong_amounts"].append(f"{sale.order} is {found} and not {expected}")
        verdict.delays.append(max(0.0, datetime.fromisoformat(row["logged_at"]).timestamp() - at))
    verdict.found["invented"] += [f"the sale of {order}" for order in logged]


def _judge_refunds(verdict: Verdict, refunds: Sequence[Refunded], crm: Crm, left: Left) -> None:
    steps = _steps(refunds)
    rows = {row["external_order_id"]: row for row in crm.ledger["transactions"]}
    for refund in {one.order: one for one in sorted(refunds, key=lambda one: one.cents)}.values():
        order, amount = refund.order, refund.cents
        fields, tags = crm.fields(refund.email), crm.contact(refund.email).get("tags", ())
        full = amount == refund.total
        if full != (rows.get(order, {}).get("status") == REFUNDED):
            kind = "lost" if full else "wrong_amounts"
            verdict.found[kind].append(f"{order} refunded to {amount} of {refund.total}")
        if full == (PARTIAL in tags):
            verdict.found["lost"].append(f"the change of the tag {PARTIAL} of {order}")
        allowed = {amount} if full else {amount - before for before in {0, *steps[order]} if before < amount}
        shown = cents(fields.get("Last Refund Amount") or "0")
        if fields.get("Last Refund Order") != order or shown not in allowed:
            verdict.found["wrong_amounts"].append(f"{order}: the last refund is shown as {shown}")
        noted = {total for note_order, _, total in crm.notes(refund.email) if note_order == order}
        if not full and amount not in noted and (order, amount) not in left.notes_in_doubt:
            verdict.found["lost"].append(f"the note that {order} was refunded to {amount}")
    known = {refund.order for refund in refunds}
    for order, row in rows.items():
        if row["status"] == REFUNDED and order not in known:
            verdict.found["invented"].append(f"the refund of {order}")


def _judge_notes(verdict: Verdict, refunds: Sequence[Refunded], crm: Crm) -> None:
    """Each note tells of a step that was told, and of the steps of an order one after the other."""
    steps = _steps(refunds)
    for email in {refund.email for refund in refunds}:
        last: dict[str, int] = {}
        for order, amount, total in crm.notes(email):
            before = {0, *steps[order]}
            if total not in steps[order] or total - amount not in before:
                verdict.found["invented"].append(f"the note of {amount} refunded of {order}, {total} so far")
            if total <= last.get(order, 0):
                verdict.found["out_of_order"].append(f"the note that {order} was refunded to {total}")
            last[order] = total


def _judge_fields(verdict: Verdict, shown: Sequence[Shown], crm: Crm) -> None:
    newest = {(one.email, one.field): one for one in sorted(shown, key=lambda one: one.version)}
    for one in newest.values():
        found = crm.fields(one.email).get(one.field, "")
        if not found:
            verdict.found["lost"].append(f"{one.field} of {one.email}")
        elif found != one.value:
            verdict.found["out_of_order"].append(f"{one.field} of {one.email} is {found}, not {one.value}")


def _judge_journal(verdict: Verdict, shown: Sequence[Shown], crm: Crm) -> None:
    """No field of a contact ever went from a newer value to an older one, not even for a moment."""
    versions: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for one in sorted(shown, key=lambda one: one.version):
        versions[one.email, one.field][one.value] = one.version
    stands: dict[tuple[str, str], int] = {}
    for email, values in crm.contact_writes():
        for name, value in values.items():
            version = versions[email, name].get(value)
            if version is None:
                continue
            if version < stands.get((email, name), 0):
                verdict.found["out_of_order"].append(f"{name} of {email} went back to {value}")
            stands[email, name] = version


def _judge_tags(verdict: Verdict, tagged: Sequence[Tagged], crm: Crm) -> None:
    for one in tagged:
        if one.tag not in crm.contact(one.email).get("tags", ()):
            verdict.found["lost"].append(f"the tag {one.tag} of {one.email}")


def _judge_products(verdict: Verdict, priced: Sequence[Priced], crm: Crm) -> None:
    products = {row["external_id"]: row for row in crm.ledger["products"]}
    for one in {one.item: one for one in sorted(priced, key=lambda one: one.version)}.values():
        row = products.get(one.item)
        if row is None:
            verdict.found["lost"].append(f"the product {one.item}")
        elif cents(row["price"]) != one.cents:
            verdict.found["wrong_amounts"].append(f"{one.item} costs {row['price']} and not {one.cents}")


def _judge_left(verdict: Verdict, left: Left) -> None:
    verdict.found["stuck"] += left.open
    verdict.found["dead"] += left.dead
    verdict.found["quarantined"] += ["a body that could not be read"] * left.quarantined
    verdict.found["left_in_queue"] += ["a wake-up"] * left.queued
    for subject, line in left.lines.items():
        for (arrived, ended), (later, ended_later) in permutations(line, 2):
            if arrived + left.slack_ms < later and ended > ended_later + left.slack_ms:
                verdict.found["out_of_order"].append(f"in the line of {subject} one went past another")


def _steps(refunds: Iterable[Refunded]) -> Mapping[str, set[int]]:
    """The totals that were told of each order."""
    found: dict[str, set[int]] = defaultdict(set)
    for refund in refunds:
        found[refund.order].add(refund.cents)
    return found


def cents(amount: str) -> int:
    """An amount in the CRM's words."""
    return round(Decimal(amount) * 100)

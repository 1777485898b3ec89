"""The drill's checker finds what it is there to find: each test doctors what stands in a faultless CRM."""

import copy
from typing import Any

import pytest

from tests.drill.truth import Acknowledged, Meaning, Priced, Refunded, Shown, Sold, Tagged
from tests.drill.verdict import Crm, Left, Verdict, judge

PAID = 1_770_000_000
JANE = "jane@example.com"
MEANINGS: tuple[Meaning, ...] = (
    Sold("A-1", JANE, 1000, PAID),
    Sold("A-2", JANE, 2500, PAID + 1),
    Refunded("A-2", JANE, 500, 2500),
    Refunded("A-2", JANE, 700, 2500),
    Shown(JANE, "address", "1 Main Street", 0),
    Shown(JANE, "address", "9 Oak Street", 7),
    Shown(JANE, "Auto Order Status", "active", 3),
    Tagged(JANE, "Shipped"),
    Priced("BONE", 900, 1),
    Priced("BONE", 950, 2),
)
TOLD = [Acknowledged(meaning, PAID + 2.0) for meaning in MEANINGS]


def sale(number: int, order: str, total: str, paid: int) -> dict[str, Any]:
    """A logged sale, three seconds after its acknowledgement."""
    return {
        "id": str(number), "external_order_id": order, "total": total, "date": paid, "email": JANE,
        "status": "1", "logged_at": "2026-02-02T02:40:05+00:00",
    }  # fmt: skip


def crm() -> dict[str, Any]:
    """The ledger and journal in which everything stands as it should."""
    fields = {
        "email": JANE, "address": "9 Oak Street", "f1500": "active", "f1501": "A-2", "f1502": "2.00",
    }  # fmt: skip
    names = {"f1500": "Auto Order Status", "f1501": "Last Refund Order", "f1502": "Last Refund Amount"}
    notes = [
        "Order A-2: 5.00 USD refunded on 2026-02-02, 5.00 of 25.00 so far.",
        "Order A-2: 2.00 USD refunded on 2026-02-02, 7.00 of 25.00 so far. Reason: Too small.",
    ]
    jane = {"id": "7", "email": JANE, "fields": fields, "tags": ["Shipped", "Partial refund"], "notes": notes}
    upsert = "POST /Contacts/saveorupdate"
    return {
        "ledger": {
            "contacts": [jane],
            "transactions": [sale(1, "A-1", "10.00", PAID), sale(2, "A-2", "25.00", PAID + 1)],
            "products": [{"external_id": "BONE", "price": "9.50"}],
            "custom_fields": names,
            "duplicates": {"orders": {}, "notes": {}},
        },
        "journal": [
            {"route": upsert, "body": {"email": JANE, "address": "1 Main Street"}},
            {"route": "PUT /Contacts", "body": {"id": 7, "address": "9 Oak Street"}},
        ],
    }


def verdict(found: dict[str, Any], left: Left | None = None) -> Verdict:
    return judge(TOLD, Crm(found["ledger"], found["journal"]), left or Left())


def figures(found: dict[str, Any], left: Left | None = None) -> dict[str, int]:
    """The figures that are not 0."""
    return {name: number for name, number in verdict(found, left).figures().items() if number}


def test_what_stands_as_it_should_is_found_faultless():
    assert figures(crm()) == {}
    assert (verdict(crm()).median(), verdict(crm()).worst()) == (3.0, 3.0)


def jane(found: dict[str, Any]) -> dict[str, Any]:
    contact: dict[str, Any] = found["ledger"]["contacts"][0]
    return contact


def lose_sale(found: dict[str, Any]) -> None:
    del found["ledger"]["transactions"][0]


def double_sale(found: dict[str, Any]) -> None:
    found["ledger"]["duplicates"]["orders"]["A-1"] = ["1", "3"]


def change_total(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"][0]["total"] = "10.01"


def change_date(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"][0]["date"] += 1


def give_to_another(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"][0]["email"] = "joe@example.com"


def invent_sale(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"].append(sale(3, "A-3", "1.00", PAID))


def refund_whole_sale(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"][1]["status"] = "2"


def invent_refund(found: dict[str, Any]) -> None:
    found["ledger"]["transactions"][0]["status"] = "2"


def lose_partial_tag(found: dict[str, Any]) -> None:
    jane(found)["tags"].remove("Partial refund")


def lose_tag(found: dict[str, Any]) -> None:
    jane(found)["tags"].remove("Shipped")


def show_older_refund(found: dict[str, Any]) -> None:
    jane(found)["fields"]["f1502"] = "5.00"


def lose_note(found: dict[str, Any]) -> None:
    jane(found)["notes"].pop()


def turn_notes(found: dict[str, Any]) -> None:
    jane(found)["notes"].reverse()


def show_older_address(found: dict[str, Any]) -> None:
    jane(found)["fields"]["address"] = "1 Main Street"


def lose_status(found: dict[str, Any]) -> None:
    del jane(found)["fields"]["f1500"]


def turn_journal(found: dict[str, Any]) -> None:
    found["journal"].reverse()


def show_older_price(found: dict[str, Any]) -> None:
    found["ledger"]["products"][0]["price"] = "9.00"


def lose_product(found: dict[str, Any]) -> None:
    found["ledger"]["products"].clear()


@pytest.mark.parametrize(
    ("doctor", "expected"),
    [
        (lose_sale, {"lost": 1}),
        (double_sale, {"doubled": 1}),
        (change_total, {"wrong_amounts": 1}),
        (change_date, {"wrong_amounts": 1}),
        (give_to_another, {"wrong_amounts": 1}),
        (invent_sale, {"invented": 1}),
        (refund_whole_sale, {"wrong_amounts": 1}),
        (invent_refund, {"invented": 1}),
        (lose_partial_tag, {"lost": 1}),
        (lose_tag, {"lost": 1}),
        (show_older_refund, {"wrong_amounts": 1}),
        (lose_note, {"lost": 1}),
        (turn_notes, {"out_of_order": 1}),
        (show_older_address, {"out_of_order": 1}),
        (lose_status, {"lost": 1}),
        (turn_journal, {"out_of_order": 1}),
        (show_older_price, {"wrong_amounts": 1}),
        (lose_product, {"lost": 1}),
    ],
)
def test_what_is_wrong_in_the_crm_is_found(doctor: Any, expected: dict[str, int]):
    found = copy.deepcopy(crm())
    doctor(found)
    assert figures(found) == expected


def test_a_note_that_may_never_have_arrived_is_explained_and_no_other():
    found = crm()
    lose_note(found)
    assert figures(found, Left(notes_in_doubt=frozenset({("A-2", 700)}))) == {}
    assert figures(found, Left(notes_in_doubt=frozenset({("A-2", 500)}))) == {"lost": 1}


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (Left(open=["sale of A-1 is retrying"]), {"stuck": 1}),
        (Left(dead=["sale of A-1", "refund of A-2"]), {"dead": 2}),
        (Left(quarantined=1), {"quarantined": 1}),
        (Left(queued=3), {"left_in_queue": 3}),
        (Left(lines={"order:A-1": [(1, 9), (2, 8)]}), {"out_of_order": 1}),
        (Left(lines={"order:A-1": [(1, 8), (2, 9)]}), {}),
        (Left(lines={"order:A-1": [(1, 9), (2, 8)]}, slack_ms=5), {}),
    ],
)
def test_what_the_relay_left_undone_is_found(left: Left, expected: dict[str, int]):
    assert figures(crm(), left) == expected


def test_more_than_one_thing_is_counted_in_its_own_figure():
    found = crm()
    lose_sale(found)
    change_total(found)
    double_sale(found)
    assert figures(found) == {"lost": 1, "doubled": 1, "wrong_amounts": 1}

"""The contact of a transmission: what goes out of it, and what the ledger remembers of it."""

from dataclasses import replace

import pytest

from app.delivery.contacts import (
    changed_groups,
    email_hash,
    forget_contact,
    group_hash,
    write_contact,
)
from app.errors import DeliveryFailure, FailureClass, Postponed
from app.relay.contacts import ContactPlan
from tests.attempts import ACCOUNT, Desk

JANE = {"firstname": "Jane", "lastname": "Doe"}
HERE = {"address": "1 Main St", "city": "Omaha"}
PLAN = ContactPlan("jane@example.com", {"name": JANE, "address": HERE}, version=100)
ROW = f"c:{ACCOUNT}:{email_hash(PLAN.email)}"


def test_hashes_stand_for_values_and_nothing_else():
    assert email_hash("jane@example.com") == email_hash("jane@example.com") != email_hash("joe@example.com")
    assert len(email_hash("jane@example.com")) == 20
    assert "jane" not in email_hash("jane@example.com")
    assert group_hash({"a": "1", "b": "2"}) == group_hash({"b": "2", "a": "1"})
    assert (
        len({group_hash(values) for values in ({"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": ""})}) == 4
    )


def known(version: int = 100, **groups: dict[str, str]) -> dict[str, str]:
    """A row that has written these groups."""
    fields = {"id": "7"}
    for name, values in groups.items():
        fields |= {f"h:{name}": group_hash(values), f"v:{name}": str(version)}
    return fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("name", "address")),
        (known(name=JANE, address=HERE), ()),
        (known(name=JANE), ("address",)),
        (known(99, name=JANE, address={"city": "Reno"}), ("address",)),
        (known(100, name=JANE, address={"city": "Reno"}), ("address",)),
        (known(101, name=JANE, address={"city": "Reno"}), ()),
        (known(101, name={"firstname": "J."}), ("address",)),
        ({"id": "", "h:name": "", "v:name": "100", "h:address": "", "v:address": "101"}, ("name",)),
    ],
)
def test_a_group_goes_out_when_it_changed_and_is_not_older(fields: dict[str, str], expected: tuple[str, ...]):
    assert changed_groups(PLAN, fields) == expected


def test_a_new_contact_is_written_whole_and_remembered():
    desk = Desk()
    contact = write_contact(desk.attempt(), PLAN)
    ((name, body),) = desk.crm.sent
    assert name == "upsert_contact"
    assert body["email"] == "jane@example.com"
    assert body.items() >= (JANE | HERE).items()
    assert (contact.row, contact.id) == (ROW, "7")
    assert desk.ledger.rows[ROW] == known(name=JANE, address=HERE)
    assert "jane" not in str(desk.ledger.rows)


def test_a_known_contact_costs_no_request():
    desk = Desk()
    write_contact(desk.attempt(), PLAN)
    contact = write_contact(desk.attempt(), PLAN)
    assert contact.id == "7"
    assert desk.crm.names() == ["upsert_contact"]


def test_only_what_changed_is_sent():
    desk = Desk()
    write_contact(desk.attempt(), PLAN)
    moved = replace(PLAN, groups={"name": JANE, "address": {"city": "Reno"}}, version=200)
    write_contact(desk.attempt(), moved)
    body = desk.crm.sent[-1][1]
    assert body["city"] == "Reno"
    assert "firstname" not in body
    write_contact(desk.attempt(), PLAN)
    assert desk.crm.names() == ["upsert_contact", "upsert_contact"]


def test_of_one_age_the_snapshot_that_was_seen_later_is_the_newer_one():
    desk = Desk()
    write_contact(desk.attempt(), replace(PLAN, seen=500))
    corrected = replace(PLAN, groups={"address": {"city": "Reno"}}, seen=600)
    write_contact(desk.attempt(), corrected)
    assert desk.crm.sent[-1][1]["city"] == "Reno"
    assert write_contact(desk.attempt(), replace(PLAN, seen=500)).stale == {"address"}
    assert len(desk.crm.sent) == 2
    # Whatever is seen of an old order, what a person told later stands.
    profile = replace(PLAN, groups={"address": {"city": "Waco"}}, version=101)
    write_contact(desk.attempt(), profile)
    write_contact(desk.attempt(), replace(corrected, seen=9_000))
    assert desk.crm.sent[-1][1]["city"] == "Waco"


def test_ages_are_numbers_that_every_version_reads_and_those_of_every_version_are_read():
    desk = Desk()
    write_contact(desk.attempt(), replace(PLAN, seen=500))
    row = desk.ledger.rows[ROW]
    assert (row["v:address"], row["s:address"]) == ("100", "100 500")
    moved = replace(PLAN, groups={"address": {"city": "Reno"}}, seen=400)
    for older in ({"v:address": "100 500", "s:address": ""}, {"v:address": "200"}):
        assert changed_groups(moved, row | older) == ()
    # A version that does not know `s:` has written: what was seen before says nothing of it.
    assert changed_groups(replace(moved, version=200), row | {"v:address": "200"}) == ("address",)


def test_a_group_may_have_an_age_of_its_own():
    desk = Desk()
    write_contact(desk.attempt(), replace(PLAN, groups={"status": {"f1": "shipped"}}, dated={"status": 700}))
    later = replace(PLAN, groups={"status": {"f1": "rejected"}, "name": {"firstname": "Joan"}}, version=200)
    contact = write_contact(desk.attempt(), replace(later, dated={"status": 600}))
    assert contact.stale == {"status"}
    assert desk.crm.sent[-1][1]["firstname"] == "Joan"
    assert "f1" not in desk.crm.sent[-1][1]


def test_an_older_snapshot_does_not_overwrite_a_newer_one_whose_write_broke_off():
    desk = Desk()
    desk.crm.endings["upsert_contact"] = [DeliveryFailure(FailureClass.RETRYABLE, "reset")]
    newer = replace(PLAN, groups={"address": {"city": "Waco"}}, version=200)
    with pytest.raises(DeliveryFailure):
        write_contact(desk.attempt(), newer)
    contact = write_contact(desk.attempt(), PLAN)
    assert contact.stale == {"address"}
    assert desk.crm.sent[-1][1]["firstname"] == "Jane"
    assert "city" not in desk.crm.sent[-1][1]
    write_contact(desk.attempt(), newer)
    assert desk.crm.sent[-1][1]["city"] == "Waco"
    assert desk.ledger.rows[ROW]["h:address"] == group_hash({"city": "Waco"})


def test_a_contact_that_somebody_writes_is_waited_for_without_a_request():
    desk = Desk()
    desk.ledger.busy = {ROW}
    with pytest.raises(Postponed):
        write_contact(desk.attempt(), PLAN)
    assert desk.crm.sent == []


def test_a_forgotten_contact_is_written_whole_again_and_keeps_its_invoices():
    desk = Desk()
    contact = write_contact(desk.attempt(), PLAN)
    desk.ledger.rows[ROW] |= {"inv": "41 42", "lref": "9"}
    forget_contact(desk.attempt(), replace(contact, fields=desk.ledger.rows[ROW]))
    assert desk.ledger.rows[ROW]["inv"] == "41 42"
    desk.crm.endings["upsert_contact"] = ["8"]
    again = write_contact(desk.attempt(), PLAN)
    assert again.id == "8"
    assert desk.crm.sent[-1][1].items() >= (JANE | HERE).items()
    assert not again.fields.get("lref"), "the new contact has no referrer yet"

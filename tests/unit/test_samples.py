"""The samples of sandbox mode: every kind is among them, and the table tells what ONTRAPORT holds of each."""

from typing import Any

import pytest

from app.cli.delivery import Answer
from app.cli.sample_facts import Posted, Told, load_samples, told_by
from app.cli.samples_report import HOLDS, mask, report
from app.events import Kind
from app.settings import Merchant, Settings, load_settings

TAKEN = Answer(200, {"accepted": 1, "duplicates": 0, "ids": ["x"]})
LEDGER: dict[str, Any] = {
    "transactions": [
        {"external_order_id": "DEMO-1001", "total": "54.42", "email": "jane@example.com", "refunds": 0},
        {"external_order_id": "DEMO-1002", "total": "63.28", "email": "jane@example.com", "refunds": 0},
        {"external_order_id": "DEMO-1003", "total": "90.72", "email": "omar@example.org", "refunds": 1},
    ],
    "custom_fields": {
        "f1": "Auto Order Status", "f2": "Last Refund Amount", "f3": "Last Refund Order", "f4": "AffiliateId",
        "f5": "Affiliate Approved",
    },
    "contacts": [
        {
            "email": "Jane.Miller@example.com",
            "fields": {"f1": "card declined", "f2": "10.00", "f3": "DEMO-1002"},
            "tags": ["Partial refund"],
        },
        {"email": "omar.haddad@example.org", "fields": {"city": "Seattle", "state": "WA"}, "tags": []},
        {"email": "ann@dogblog.example.com", "fields": {"f4": "12", "f5": "True"}, "tags": []},
    ],
    "products": [{"external_id": "BED", "name": "BED", "description": "Dog bed", "price": "80.00"}],
}  # fmt: skip


@pytest.fixture
def settings(tmp_path) -> Settings:
    return load_settings({"RELAY_DATA_DIR": str(tmp_path)}, tmp_path / ".env")


@pytest.fixture
def merchant(settings: Settings) -> Merchant:
    return settings.merchants["DEMO"]


def told(merchant: Merchant, answer: Answer = TAKEN) -> list[Told]:
    """What all samples mean, when the receiver gave this answer to each."""
    return told_by([Posted(name, body, answer) for name, body in load_samples("DEMO").items()], merchant)


def lines(told: list[Told], state: tuple[str, str], ledger: dict[str, Any], settings: Settings) -> str:
    """The report when every transmission is in this state."""
    return report(told, [state] * len(told), ledger, settings)


def test_every_kind_is_among_them_once_a_fact(merchant: Merchant):
    found = told(merchant)
    assert {one.fact.kind for one in found} == set(Kind) == set(HOLDS)
    names = [(one.fact.kind, one.fact.subject) for one in found]
    assert len(names) == len(set(names))
    events = {one.fact.kind: one.event for one in found}
    assert events[Kind.AUTO_ORDER_STATUS] == "auto_order_decline"


def test_they_speak_of_the_chosen_merchant():
    for body in load_samples("SHOP").values():
        assert b"DEMO" not in body
        assert b'"merchant_id": "SHOP"' in body


def test_the_table_tells_what_is_held_of_each(merchant: Merchant, settings: Settings):
    text = lines(told(merchant), ("delivered", ""), LEDGER, settings)
    for words in (
        "sale of 54.42 for j***@example.com",
        "10.00 refunded, told at j***@example.com: note, tag Partial refund",
        "the sale of 90.72 marked refunded",
        "Auto Order Status: card declined, at j***@example.com",
        "contact o***@example.org in Seattle, WA",
        "AffiliateId 12, Affiliate Approved True, at a***@dogblog.example.com",
        "product BED (Dog bed) at 80.00",
    ):
        assert words in text
    assert "jane" not in text.lower()


def test_the_table_tells_what_is_not_held_and_why(merchant: Merchant, settings: Settings):
    found = told(merchant)
    assert "nothing (skipped): test order" in lines(found, ("skipped", "test order"), LEDGER, settings)
    assert "nothing (dead): why" in lines(found, ("dead", "why"), LEDGER, settings)
    assert "see the log" in lines(found, ("retrying", ""), LEDGER, settings)
    forgotten = lines(found, ("delivered", ""), {}, settings)
    assert forgotten.count("known from an earlier start") == len(found)
    refused = told(merchant, Answer(503, {"error": "full"}))
    assert "it was not taken" in lines(refused, ("", ""), LEDGER, settings)


def test_an_address_can_be_recognised_but_not_read():
    assert (mask("jane@example.com"), mask("")) == ("j***@example.com", "***")

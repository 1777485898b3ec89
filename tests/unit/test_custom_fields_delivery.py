"""The account's custom fields: asked for once, made once, waited for while they are not listed."""

from typing import Any

import pytest

from app.delivery.custom_fields import custom_values, doubt_fields
from app.errors import DeliveryFailure, Postponed
from app.ontraport.fields import ContactField
from tests.attempts import ACCOUNT, Desk, FakeOntraport, failure

NAMES = {"Last Refund Amount": "2.50", "Last Refund Order": "DEMO-1"}


class Account(FakeOntraport):
    """An account whose fields can be made; `lags` hides so many lists after the first field was made."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, ContactField] = {}
        self.lags = 0

    def contact_fields(self, call: Any) -> dict[str, ContactField]:
        """What is listed."""
        self._end("contact_fields", None, None)
        if self.fields and self.lags:
            self.lags -= 1
            return {}
        return dict(self.fields)

    def create_contact_field(self, name: str, call: Any) -> str:
        """Made, whatever the answer is."""
        self.fields[name] = ContactField(name, f"f{1500 + len(self.fields)}", "text", {})
        return str(self._end("create_contact_field", name, name))


@pytest.fixture
def desk() -> Desk:
    return Desk(crm=Account())


def made(desk: Desk) -> int:
    """How many fields were asked to be made."""
    return desk.crm.names().count("create_contact_field")


def test_missing_fields_are_made_and_then_cost_nothing(desk: Desk):
    wanted = {"f1500": "2.50", "f1501": "DEMO-1"}
    assert custom_values(desk.attempt(), NAMES) == wanted
    assert (made(desk), desk.crm.names().count("contact_fields")) == (2, 2)
    requests = len(desk.crm.sent)
    assert custom_values(desk.attempt(), NAMES) == wanted
    assert len(desk.crm.sent) == requests


def test_a_field_that_is_there_is_not_made(desk: Desk):
    assert isinstance(desk.crm, Account)
    desk.crm.fields["Last Refund Amount"] = ContactField("Last Refund Amount", "f9", "text", {})
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f9": "2.50"}
    assert made(desk) == 0


def test_a_field_that_is_not_listed_yet_is_waited_for(desk: Desk):
    assert isinstance(desk.crm, Account)
    desk.crm.lags = 2
    for _ in range(2):
        with pytest.raises(DeliveryFailure, match="not listed yet"):
            custom_values(desk.attempt(), NAMES)
    assert set(custom_values(desk.attempt(), NAMES).values()) == set(NAMES.values())
    assert made(desk) == 2


def test_a_field_of_unknown_outcome_is_looked_for_before_it_is_made_again(desk: Desk):
    desk.crm.endings["create_contact_field"] = [failure()]
    with pytest.raises(DeliveryFailure):
        custom_values(desk.attempt(), {"Last Refund Amount": "2.50"})
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f1500": "2.50"}
    assert made(desk) == 1
    assert desk.ledger.custom_field(ACCOUNT, "Last Refund Amount")


def gone(desk: Desk) -> None:
    """A person has deleted every field."""
    assert isinstance(desk.crm, Account)
    desk.crm.fields = {"Another": ContactField("Another", "f1500", "text", {})}


def test_what_is_known_is_believed_for_an_hour_and_then_made_again_if_it_is_gone(desk: Desk):
    custom_values(desk.attempt(), {"Last Refund Amount": "2.50"})
    gone(desk)
    desk.ledger.move(3_599)
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f1500": "2.50"}
    desk.ledger.move(1)
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f1501": "2.50"}
    requests = len(desk.crm.sent)
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f1501": "2.50"}
    assert (made(desk), len(desk.crm.sent)) == (2, requests)


def test_a_field_that_an_answer_does_not_list_is_made_again_at_once_if_it_is_gone(desk: Desk):
    custom_values(desk.attempt(), NAMES)
    gone(desk)
    with pytest.raises(Postponed, match="no longer has the field"):
        doubt_fields(desk.attempt(), {"f1500", "firstname"})
    assert custom_values(desk.attempt(), {"Last Refund Amount": "2.50"}) == {"f1501": "2.50"}


def test_a_field_that_is_there_though_an_answer_does_not_list_it_costs_one_look(desk: Desk):
    custom_values(desk.attempt(), NAMES)
    before = len(desk.crm.sent)
    doubt_fields(desk.attempt(), {"firstname", "f99"})
    assert len(desk.crm.sent) == before
    doubt_fields(desk.attempt(), {"f1500"})
    assert desk.crm.names()[before:] == ["contact_fields"]

"""What tells one failure from others of its class: the code and the field of a dead letter's fingerprint."""

import json

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.http.answers import Answer, Call
from app.ontraport.failures import failure_of
from app.ultracart.items import load_item
from tests.attempts import BEGIN

WRITE = Call("POST", "/transaction/processManual", {}, repeatable=False)


@pytest.mark.parametrize(
    ("more", "sign"),
    [
        ({}, ""),
        ({"status": 422}, "422"),
        ({"status": 422, "field": "price"}, "422/price"),
        ({"field": "email"}, "-/email"),
        ({"status": 200, "code": "-1"}, "200:-1"),
        ({"field": "Auto Order / Status"}, "-/Auto_Order_Status"),
        ({"field": "x" * 99}, "-/" + "x" * 60),
    ],
)
def test_it_is_one_word_without_spaces(more: dict[str, object], sign: str):
    assert DeliveryFailure(FailureClass.INVALID, "no", **more).sign == sign  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "sign"),
    [
        (422, {"code": 1, "errors": {"price": "is no number"}}, "422/price"),
        (422, {"message": "no"}, "422"),
        (200, {"code": 7, "data": []}, "200:7"),
        (500, {"code": 7}, "500"),
        (None, {}, ""),
    ],
)
def test_answers_of_the_crm_give_status_code_and_field(
    status: int | None, body: dict[str, object], sign: str
):
    answer = Answer(status, body=json.dumps(body).encode(), sent=True)
    failure = failure_of(WRITE, answer, {}, BEGIN)
    assert failure is not None
    assert failure.sign == sign


def test_a_payload_that_cannot_be_gives_the_place():
    with pytest.raises(DeliveryFailure) as failed:
        load_item({"merchant_item_id": "BONE", "pricing": {"cost": "much"}})
    assert failed.value.sign == "-/pricing.cost"

"""The sandbox answers as ONTRAPORT is documented, and as working clients have seen it, to answer."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.sandbox.server import running_sandbox
from tests.contract.sandbox_account import ORDER, TIMEOUT, TRANS_DATE, Account, sale


@pytest.fixture
def account() -> Iterator[Account]:
    with running_sandbox() as url:
        caller = Account(url)
        yield caller
        caller.session.close()


@pytest.mark.parametrize("keys", [{}, {"Api-Appid": "sandbox"}, {"Api-Appid": "sandbox", "Api-Key": "stale"}])
def test_without_both_valid_keys_the_answer_is_401_in_plain_text(account, keys):
    answer = requests.get(f"{account.url}/ontraport/1/Contacts", headers=keys, timeout=TIMEOUT)
    assert (answer.status_code, answer.text) == (401, "Your App ID and API Key do not authenticate.")


def test_key_headers_are_not_case_sensitive(account):
    keys = {"api-appid": "sandbox", "API-KEY": "sandbox"}
    assert (
        requests.get(f"{account.url}/ontraport/1/Contacts", headers=keys, timeout=TIMEOUT).status_code == 200
    )


def test_success_is_an_envelope_with_code_data_and_account_id(account):
    answer = account.api("GET", "/Contacts")
    assert answer.json() == {"code": 0, "data": [], "account_id": 1}
    assert answer.headers["Content-Type"] == "application/json"


def test_an_unknown_route_is_404_in_plain_text(account):
    answer = account.api("POST", "/Contacts", {"email": "a@example.com"})
    assert (answer.status_code, answer.text) == (404, "Object not found")


@pytest.mark.parametrize("path", ["/Contacts", "/Products", "/Transactions", "/Nothing"])
def test_every_answer_tells_the_rate_limit(account, path):
    headers = account.api("GET", path).headers
    assert {"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"} <= set(headers)


def test_beyond_the_limit_the_answer_is_429_and_reset_is_in_seconds():
    with running_sandbox(rate=3) as url:
        account = Account(url)
        answers = [account.api("GET", "/Contacts") for _ in range(4)]
        requests_made = account.ledger()["requests"]
        account.session.close()
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["X-Rate-Limit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["X-Rate-Limit-Limit"] == "3"
    assert 58 <= int(answers[3].headers["X-Rate-Limit-Reset"]) <= 60
    assert requests_made["throttled"] == {"by_limit": 1, "by_fault": 0}
    assert (requests_made["last_minute"], requests_made["total"]) == (3, 4)


def test_a_new_contact_comes_back_whole_and_numbers_are_strings(account):
    data = account.data("POST", "/Contacts/saveorupdate", {"email": "jane@example.com", "firstname": "Jane"})
    assert (data["id"], data["email"], data["firstname"], data["lastname"]) == (
        "1",
        "jane@example.com",
        "Jane",
        "",
    )
    assert all(isinstance(value, str) for value in data.values())


def test_an_existing_contact_comes_back_as_attrs_with_what_was_set(account):
    account.contact()
    data = account.data("POST", "/Contacts/saveorupdate", {"email": "JANE@example.com", "city": "Austin"})
    assert (data["attrs"]["id"], data["attrs"]["city"]) == ("1", "Austin")
    assert "id" not in data
    assert "firstname" not in data["attrs"]
    assert len(account.ledger()["contacts"]) == 1


def test_unique_id_wins_over_the_email(account):
    first = account.data("POST", "/Contacts/saveorupdate", {"email": "a@example.com"})
    account.contact("b@example.com")
    body = {"email": "b@example.com", "unique_id": first["unique_id"], "city": "Austin"}
    assert account.data("POST", "/Contacts/saveorupdate", body)["attrs"]["id"] == first["id"]


@pytest.mark.parametrize(("ignore", "city"), [(True, "Austin"), (False, "")])
def test_ignore_blanks_keeps_what_an_empty_string_would_overwrite(account, ignore, city):
    contact_id = account.contact(city="Austin", grade="5")
    account.contact(city="", grade=0, ignore_blanks=ignore)
    row = account.rows("/Contacts", "id", contact_id)[0]
    assert (row["city"], row["grade"]) == (city, "0")


def test_unknown_field_names_are_ignored_silently(account):
    account.contact(fistname="Jane")
    assert "fistname" not in account.rows("/Contacts")[0]


def test_system_fields_cannot_be_set(account):
    contact_id = account.contact(spent="1000", id="77")
    assert account.rows("/Contacts", "id", contact_id)[0]["spent"] == "0"


def test_an_invalid_email_is_422(account):
    assert account.api("POST", "/Contacts/saveorupdate", {"email": "jane at example.com"}).status_code == 422


def test_a_body_that_is_no_json_object_is_400(account):
    assert account.api("POST", "/Contacts/saveorupdate", ["jane@example.com"]).status_code == 400


def test_put_changes_only_the_fields_that_are_sent(account):
    contact_id = account.contact(firstname="Jane", city="Austin")
    data = account.data("PUT", "/Contacts", {"id": contact_id, "city": "Boston"})
    assert (data["attrs"]["id"], data["attrs"]["city"]) == (contact_id, "Boston")
    row = account.rows("/Contacts", "id", contact_id)[0]
    assert (row["firstname"], row["city"]) == ("Jane", "Boston")


def test_put_of_an_unknown_contact_is_404_in_plain_text(account):
    answer = account.api("PUT", "/Contacts", {"id": "9", "city": "Boston"})
    assert (answer.status_code, answer.text) == (404, "Object not found")


def test_a_contact_whose_email_was_changed_is_found_by_the_new_one_only(account):
    contact_id = account.contact("old@example.com")
    account.data("PUT", "/Contacts", {"id": contact_id, "email": "new@example.com"})
    assert account.contact("new@example.com") == contact_id
    assert account.contact("old@example.com") != contact_id


def test_lists_give_at_most_50_rows_and_page_on_from_start(account):
    for number in range(53):
        account.contact(f"c{number}@example.com")
    assert len(account.rows("/Contacts")) == len(account.rows("/Contacts", range=500)) == 50
    assert [row["id"] for row in account.rows("/Contacts", start=50)] == ["51", "52", "53"]


def test_a_condition_on_the_email_disregards_case(account):
    account.contact("other@example.com")
    contact_id = account.contact("jane@example.com")
    assert [row["id"] for row in account.rows("/Contacts", "email", "JANE@example.com")] == [contact_id]


def test_a_condition_that_is_no_json_is_400(account):
    assert account.api("GET", "/Contacts", condition='[{"field":{"field":"email"}').status_code == 400


@pytest.mark.parametrize("field", ["external_id", "name", "sku"])
def test_products_are_found_by_external_id_name_or_sku(account, field):
    account.product(name="Other", external_id="OTHER", sku="OTHER")
    product_id = account.product(name='12" Bone', external_id="BONE-12", sku="B12", price="9.99")
    value = {"external_id": "BONE-12", "name": '12" Bone', "sku": "B12"}[field]
    assert [row["id"] for row in account.rows("/Products", field, value)] == [product_id]


def test_a_product_needs_a_name_but_names_are_not_unique(account):
    assert account.api("POST", "/Products", {"price": "1.00"}).status_code == 400
    assert [account.product(), account.product()] == ["1", "2"]
    assert account.ledger()["duplicates"]["products"] == {"BONE": ["1", "2"]}


def test_a_product_is_updated_by_id(account):
    product_id = account.product(price="9.99")
    assert account.data("PUT", "/Products", {"id": product_id, "price": "8.00"})["attrs"]["price"] == "8.00"
    row = account.rows("/Products", "id", product_id)[0]
    assert (row["name"], row["price"]) == ("BONE", "8.00")
    assert account.api("PUT", "/Products", {"id": "9", "price": "8.00"}).status_code == 404


def test_a_logged_sale_gives_its_invoice_id_which_is_the_transaction_id(account):
    body = sale(account.contact(), account.product())
    assert account.api("POST", "/transaction/processManual", body).json() == {
        "code": 0,
        "data": {"invoice_id": "1"},
        "account_id": 1,
    }
    row = account.rows("/Transactions", "id", "1")[0]
    assert (row["contact_id"], row["external_order_id"], row["status"]) == ("1", ORDER, "1")


def test_trans_date_is_milliseconds_and_a_listed_date_seconds(account):
    account.sale(account.contact(), account.product())
    assert account.rows("/Transactions")[0]["date"] == str(TRANS_DATE // 1000)


def test_the_total_is_the_exact_sum_of_price_times_quantity(account):
    contact_id, product_id = account.contact(), account.product(price="0.10")
    lines = [
        {"id": product_id, "quantity": 3, "price": [{"price": "0.10"}]},
        {"id": product_id, "quantity": "1", "price": [{"price": 19.99}]},
        {"id": product_id, "quantity": 2},
    ]
    account.sale(contact_id, product_id, offer={"products": lines, "grandTotal": "1000.00"})
    assert account.rows("/Transactions")[0]["total"] == "20.49"


def test_nothing_refuses_a_second_sale_of_the_same_order(account):
    contact_id, product_id = account.contact(), account.product()
    first, second = account.sale(contact_id, product_id), account.sale(contact_id, product_id)
    assert first != second
    assert account.ledger()["duplicates"]["orders"] == {ORDER: [first, second]}


def test_a_sale_for_an_unknown_contact_is_refused_in_plain_text(account):
    answer = account.api("POST", "/transaction/processManual", sale("9", account.product()))
    assert (answer.status_code, answer.text) == (400, "Invalid Contact ID")


def test_a_contact_that_was_merged_away_is_an_invalid_contact_id(account):
    contact_id, product_id = account.contact(), account.product()
    assert account.control("DELETE", f"/ledger/contacts/{contact_id}").status_code == 204
    answer = account.api("POST", "/transaction/processManual", sale(contact_id, product_id))
    assert answer.text == "Invalid Contact ID"
    assert account.contact() != contact_id


@pytest.mark.parametrize(
    "changes",
    [
        {"offer": {"products": [{"id": "1", "quantity": 0, "price": [{"price": "1.00"}]}]}},
        {"offer": {"products": [{"id": "1", "quantity": 1.5, "price": [{"price": "1.00"}]}]}},
        {"offer": {"products": [{"id": "1", "quantity": 1, "price": "1.00"}]}},
        {"offer": {"products": [{"id": "9", "quantity": 1, "price": [{"price": "1.00"}]}]}},
        {"offer": {"products": []}},
        {"chargeNow": "chargeNow"},
        {"trans_date": "2013-05-29"},
    ],
)
def test_a_sale_that_makes_no_sense_is_400_and_leaves_nothing(account, changes):
    account.contact(), account.product()
    assert account.api("POST", "/transaction/processManual", sale("1", "1", **changes)).status_code == 400
    assert account.ledger()["transactions"] == []


@pytest.mark.parametrize(
    ("template", "mails"), [({"invoice_template": -1}, 0), ({"invoice_template": 1}, 1), ({}, 1)]
)
def test_only_template_minus_one_suppresses_the_invoice_mail(account, template, mails):
    body = sale(account.contact(), account.product())
    del body["invoice_template"]
    account.data("POST", "/transaction/processManual", body | template)
    assert account.ledger()["counts"]["invoice_mails"] == mails


def test_transactions_of_a_contact_come_newest_first_with_the_fields_asked_for(account):
    jane, john, product_id = account.contact(), account.contact("john@example.com"), account.product()
    for contact_id, seconds in [(jane, 100), (john, 400), (jane, 300), (jane, 200)]:
        account.sale(contact_id, product_id, trans_date=seconds * 1000)
    rows = account.rows(
        "/Transactions", "contact_id", jane, sort="date", sortDir="desc", listFields="id,date"
    )
    assert rows == [{"id": "3", "date": "300"}, {"id": "4", "date": "200"}, {"id": "1", "date": "100"}]


def test_transactions_have_the_documented_fields_as_strings_and_no_dlm(account):
    account.sale(account.contact(), account.product(), oprid="1_27")
    row = account.rows("/Transactions")[0]
    assert {"id", "status", "contact_id", "date", "total", "external_order_id", "oprid", "offer_data"} <= set(
        row
    )
    assert "dlm" not in row
    assert all(isinstance(value, str) for value in row.values())
    assert row["oprid"] == "1_27"


@pytest.mark.parametrize(("call", "status"), [("refund", "2"), ("void", "4")])
def test_refund_and_void_mark_whole_transactions(account, call, status):
    contact_id, product_id = account.contact(), account.product()
    first, second = account.sale(contact_id, product_id), account.sale(contact_id, product_id)
    assert account.api("PUT", f"/transaction/{call}", {"ids": [int(first)]}).json()["code"] == 0
    assert [row["status"] for row in account.rows("/Transactions")] == [status, "1"]
    assert account.ledger()["duplicates"]["orders"] == ({} if call == "void" else {ORDER: [first, second]})


def test_a_second_refund_shows_in_the_ledger(account):
    invoice_id = account.sale(account.contact(), account.product())
    for _ in range(2):
        account.data("PUT", "/transaction/refund", {"ids": [invoice_id]})
    ledger = account.ledger()
    assert ledger["counts"]["refunds"] == 2
    assert ledger["duplicates"]["refunds"] == {invoice_id: [invoice_id] * 2}


@pytest.mark.parametrize("call", ["refund", "void", "rerunCommission"])
def test_an_unknown_transaction_is_404(account, call):
    assert account.api("PUT", f"/transaction/{call}", {"ids": ["9"]}).text == "Object not found"


def test_commissions_can_be_rerun(account):
    invoice_id = account.sale(account.contact(), account.product())
    assert account.api("PUT", "/transaction/rerunCommission", {"ids": [invoice_id]}).json()["code"] == 0


def test_tags_are_added_by_name_once_and_removed_by_name(account):
    contact_id = account.contact()
    body: dict[str, Any] = {"objectID": 0, "ids": [int(contact_id)]}
    for _ in range(2):
        account.data("PUT", "/objects/tagByName", body | {"add_names": ["Bought BONE", "Shop"]})
    assert account.ledger()["tags"] == {"Bought BONE": [contact_id], "Shop": [contact_id]}
    account.data("DELETE", "/objects/tagByName", body | {"remove_names": ["Shop", "Never heard of"]})
    assert account.ledger()["contacts"][0]["tags"] == ["Bought BONE"]


def test_tag_ids_must_be_an_array(account):
    body = {"objectID": 0, "ids": account.contact(), "add_names": ["Shop"]}
    assert account.api("PUT", "/objects/tagByName", body).status_code == 400


def test_custom_fields_are_made_under_a_key_and_found_by_alias(account):
    made = account.data("POST", "/objects/fieldeditor", fields(("AffiliateId", "text")))
    (key,) = made["success"]
    assert re.fullmatch(r"f\d+", key)
    assert made["error"] == []
    meta = account.data("GET", "/objects/meta", format="byId", objectID=0)["0"]["fields"]
    assert (meta[key]["alias"], meta[key]["type"]) == ("AffiliateId", "text")
    contact_id = account.contact(**{key: "12"})
    assert account.rows("/Contacts", key, "12")[0]["id"] == contact_id


def test_a_drop_down_takes_the_ids_of_its_options_only(account):
    spec = fields(("Auto Order Status", "drop"), options={"add": ["active", "cancelled"]})
    (key,) = account.data("POST", "/objects/fieldeditor", spec)["success"]
    meta = account.data("GET", "/objects/meta", format="byId", objectID=0)["0"]["fields"][key]
    assert meta["options"] == {"1": "active", "2": "cancelled"}
    contact_id = account.contact(**{key: "2"})
    account.contact(**{key: "active"})
    assert account.rows("/Contacts", "id", contact_id)[0][key] == "2"


def test_a_note_is_an_object_of_type_12(account):
    contact_id = account.contact()
    note = account.data(
        "POST", "/objects", {"objectID": 12, "contact_id": contact_id, "data": "Partial refund"}
    )
    assert note["id"] == "1"
    assert account.ledger()["contacts"][0]["notes"] == ["Partial refund"]


def fields(*named: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The body that makes custom fields of contacts."""
    column = [{"alias": alias, "type": kind, "required": 0, "unique": 0, **more} for alias, kind in named]
    return {"objectID": 0, "name": "UltraCart", "description": "", "fields": [column]}

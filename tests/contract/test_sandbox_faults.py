"""Every fault that the sandbox knows does what its rule says, over real connections."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from app.sandbox.server import running_sandbox
from tests.contract.sandbox_account import ORDER, Account, sale

SALES = "/transaction/processManual"


@pytest.fixture
def account() -> Iterator[Account]:
    with running_sandbox() as url:
        caller = Account(url)
        caller.contact(), caller.product()
        yield caller
        caller.session.close()


def sell(account: Account) -> requests.Response:
    return account.api("POST", SALES, sale("1", "1"))


def sales(account: Account) -> int:
    count: int = account.ledger()["counts"]["transactions"]
    return count


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 422, 500, 502, 503])
def test_answer_instead_of_the_work(account, status):
    account.fault({"kind": "answer", "status": status, "body": "No."}, SALES)
    answer = sell(account)
    assert (answer.status_code, answer.text, sales(account)) == (status, "No.", 0)


def test_a_502_after_the_commit(account):
    account.fault({"kind": "answer", "status": 502, "body": "Bad Gateway", "commit": True}, SALES)
    assert (sell(account).status_code, sales(account)) == (502, 1)


def test_a_burst_of_429s_says_when_it_ends(account):
    headers = {"X-Rate-Limit-Reset": 7}
    account.fault({"kind": "answer", "status": 429, "body": "Slow down", "headers": headers}, times=2)
    answers = [sell(account) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["X-Rate-Limit-Remaining"] == "0"
    assert answers[0].headers["X-Rate-Limit-Reset"] == "7"
    assert account.ledger()["requests"]["throttled"] == {"by_limit": 0, "by_fault": 2}


def test_200_with_a_code_that_is_not_0(account):
    account.fault({"kind": "answer", "body": {"code": 3, "data": [], "account_id": 1}}, SALES)
    assert (sell(account).json()["code"], sales(account)) == (3, 0)


def test_200_that_is_not_json(account):
    account.fault({"kind": "answer", "body": "<html>maintenance</html>", "commit": True}, SALES)
    answer = sell(account)
    assert (answer.status_code, answer.text, sales(account)) == (200, "<html>maintenance</html>", 1)


@pytest.mark.parametrize("path", ["/Contacts/saveorupdate", SALES])
def test_200_without_an_id(account, path):
    account.fault({"kind": "no_id"}, path)
    body = sale("1", "1") | {"email": "new@example.com"}
    assert account.api("POST", path, body).json() == {"code": 0, "data": {}, "account_id": 1}
    counts = account.ledger()["counts"]
    assert counts["contacts"] + counts["transactions"] == 2


def test_latency(account):
    account.fault({"kind": "latency", "seconds": 0.3}, SALES)
    begun = time.monotonic()
    assert sell(account).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_a_time_out_after_the_write(account):
    account.fault({"kind": "hang", "seconds": 30}, SALES)
    with pytest.raises(requests.ReadTimeout):
        account.session.post(account.url + "/ontraport/1" + SALES, json=sale("1", "1"), timeout=0.5)
    assert sales(account) == 1


def test_a_hanging_connection_is_closed_in_the_end(account):
    account.fault({"kind": "hang", "seconds": 0.1, "commit": False}, SALES)
    with pytest.raises(requests.ConnectionError):
        sell(account)
    assert sales(account) == 0


@pytest.mark.parametrize("commit", [False, True])
def test_a_reset_before_or_after_the_write(account, commit):
    account.fault({"kind": "reset", "commit": commit}, SALES)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        sell(account)
    assert sales(account) == int(commit)


def test_a_write_that_is_committed_after_the_connection_broke(account):
    account.fault({"kind": "late_commit", "seconds": 0.5}, SALES)
    with pytest.raises(requests.ConnectionError):
        sell(account)
    ledger = account.ledger()
    assert (ledger["counts"]["transactions"], ledger["pending_commits"]) == (0, 1)
    await_that(lambda: account.ledger()["pending_commits"] == 0)
    assert account.ledger()["transactions"][0]["external_order_id"] == ORDER


def test_a_reset_of_the_sandbox_calls_off_late_commits(account):
    account.fault({"kind": "late_commit", "seconds": 30}, SALES)
    with pytest.raises(requests.ConnectionError):
        sell(account)
    account.control("POST", "/reset")
    assert account.ledger()["pending_commits"] == 0


def test_a_dripping_body(account):
    account.fault({"kind": "drip", "seconds": 0.01}, SALES)
    address = account.url + "/ontraport/1" + SALES
    with account.session.post(address, json=sale("1", "1"), timeout=5, stream=True) as answer:
        headers_came = time.monotonic()
        body = answer.content
    assert body == b'{"code": 0, "data": {"invoice_id": "1"}, "account_id": 1}'
    assert time.monotonic() - headers_came > len(body) * 0.01 / 2


def test_list_reads_that_lag_behind_writes(account):
    account.fault({"kind": "lag", "seconds": 60}, "/Transactions")
    sell(account)
    assert account.rows("/Transactions", "contact_id", "1") == []
    account.control("DELETE", "/faults")
    assert len(account.rows("/Transactions", "contact_id", "1")) == 1


def test_a_filter_that_is_ignored(account):
    other = account.contact("other@example.com")
    account.fault({"kind": "ignore_filter"}, "/Contacts")
    assert [row["id"] for row in account.rows("/Contacts", "id", other)] == ["1", other]


def test_external_order_ids_that_must_be_numbers(account):
    account.fault({"kind": "numeric_external_order_id"}, SALES)
    sell(account)
    account.data("POST", SALES, sale("1", "1", external_order_id="9104390"))
    assert [row["external_order_id"] for row in account.rows("/Transactions")] == ["0", "9104390"]
    assert [one["external_order_id"] for one in account.ledger()["transactions"]] == [ORDER, "9104390"]


@pytest.mark.parametrize(("faulty", "contacts"), [(True, 2), (False, 1)])
def test_two_upserts_of_one_email_race(account, faulty, contacts):
    if faulty:
        account.fault({"kind": "race", "seconds": 0.5}, "/Contacts/saveorupdate")
    racers = [
        threading.Thread(target=Account(account.url).contact, args=("new@example.com",)) for _ in range(2)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(account.rows("/Contacts", "email", "new@example.com")) == contacts
    assert ("new@example.com" in account.ledger()["duplicates"]["emails"]) is faulty


def test_permission_is_refused_for_one_object_type_only(account):
    rule = {"match": {"object": 12}, "do": {"kind": "answer", "status": 403, "body": "Forbidden"}}
    account.control("POST", "/faults", [rule])
    note = {"objectID": 12, "contact_id": "1", "data": "text"}
    assert account.api("POST", "/objects", note).status_code == 403
    assert account.api("PUT", "/objects/tagByName", {"objectID": 0, "ids": [1], "add_names": ["x"]}).ok
    assert account.api("GET", "/objects/meta", objectID=0, format="byId").ok
    assert sell(account).status_code == 200


def test_a_rule_matches_method_path_and_a_piece_of_the_body(account):
    match = {"method": "POST", "path": "/transaction/.*", "body_contains": "DEMO-2"}
    account.control("POST", "/faults", [{"match": match, "do": {"kind": "answer", "status": 500}}])
    assert sell(account).status_code == 200
    assert account.api("POST", SALES, sale("1", "1", external_order_id="DEMO-2")).status_code == 500
    assert account.api("PUT", "/transaction/void", {"ids": ["1"], "note": "DEMO-2"}).status_code == 200
    assert account.control("GET", "/faults").json()[0]["fired"] == 1


def test_a_rule_matches_a_piece_of_the_query(account):
    match = {"path": "/Contacts", "body_contains": "jane@example.com"}
    account.control("POST", "/faults", [{"match": match, "do": {"kind": "answer", "status": 500}}])
    assert account.api("GET", "/Contacts", search="john@example.com").status_code == 200
    assert account.api("GET", "/Contacts", search="jane@example.com").status_code == 500


def test_a_rule_skips_the_first_and_ends_after_its_times(account):
    account.fault({"kind": "answer", "status": 500}, SALES, after=1, times=1)
    assert [sell(account).status_code for _ in range(3)] == [200, 500, 200]
    (rule,) = account.control("GET", "/faults").json()
    assert (rule["matched"], rule["fired"], rule["after"], rule["times"]) == (2, 1, 1, 1)


def test_new_rules_replace_the_old_ones_and_an_empty_list_clears(account):
    account.fault({"kind": "answer", "status": 500})
    account.fault({"kind": "answer", "status": 503})
    assert sell(account).status_code == 503
    assert account.control("POST", "/faults", []).json() == []
    assert sell(account).status_code == 200


@pytest.mark.parametrize(
    "rules",
    [
        {"do": {"kind": "reset"}},
        [{"do": {"kind": "explode"}}],
        [{"do": {"kind": "reset", "seconds": 1}}],
        [{"match": {"url": "/Contacts"}, "do": {"kind": "reset"}}],
        [{"match": {"path": "("}, "do": {"kind": "reset"}}],
        [{"do": {"kind": "hang", "seconds": "long"}}],
        [{"do": {"kind": "reset"}, "times": "once"}],
    ],
)
def test_a_rule_that_cannot_be_understood_changes_nothing(account, rules):
    account.fault({"kind": "answer", "status": 503})
    assert account.control("POST", "/faults", rules).status_code == 400
    assert sell(account).status_code == 503


def test_control_routes_are_never_at_fault(account):
    account.fault({"kind": "reset"})
    assert account.control("GET", "/ledger").status_code == 200


def test_the_connection_is_usable_after_an_answer_that_was_a_fault(account):
    account.fault({"kind": "answer", "status": 500}, SALES, times=1)
    assert [sell(account).status_code for _ in range(2)] == [500, 200]


def test_the_journal_holds_what_was_done_and_nothing_else(account):
    before = len(requests.get(f"{account.url}/journal", timeout=5).json())
    account.fault({"kind": "answer", "status": 200, "body": "never"}, SALES, times=1)
    sell(account)
    account.fault({"kind": "answer", "status": 502, "commit": True}, SALES, times=1)
    sell(account)
    [write] = requests.get(f"{account.url}/journal", timeout=5).json()[before:]
    assert (write["route"], write["body"]["contact_id"]) == (f"POST {SALES}", "1")

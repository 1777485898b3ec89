"""The sandbox as a program: it serves, keeps connections, shows its ledger, and stops cleanly."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from app.sandbox.server import running_sandbox
from tests.contract.sandbox_account import ORDER, TRANS_DATE, Account


@pytest.fixture
def account() -> Iterator[Account]:
    with running_sandbox() as url:
        caller = Account(url)
        yield caller
        caller.session.close()


@pytest.mark.server
def test_it_runs_as_a_program_and_stops_on_sigterm_with_exit_0(tmp_path):
    command = [
        sys.executable,
        "-m",
        "app.sandbox",
        "--port",
        "0",
        "--rate",
        "2",
        "--app-id",
        "a",
        "--api-key",
        "k",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base = process.stdout.readline().split()[-1]
        keys = {"Api-Appid": "a", "Api-Key": "k"}
        statuses = [requests.get(f"{base}/Contacts", headers=keys, timeout=5).status_code for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
    assert statuses == [200, 200, 429]
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_connection_is_kept_alive(account):
    connection = http.client.HTTPConnection(account.url.removeprefix("http://"), timeout=5)
    keys = {"Api-Appid": "sandbox", "Api-Key": "sandbox"}
    ports = []
    for _ in range(3):
        connection.request("GET", "/ontraport/1/Contacts", headers=keys)
        connection.getresponse().read()
        ports.append(connection.sock.getsockname()[1])
    connection.close()
    assert len(set(ports)) == 1


def test_a_chunked_body_is_read_whole(account):
    pieces = iter([b'{"email": "jane@', b'example.com"}'])
    headers = {"Content-Type": "application/json"}
    address = f"{account.url}/ontraport/1/Contacts/saveorupdate"
    assert account.session.post(address, data=pieces, headers=headers, timeout=5).status_code == 200
    assert account.contact() == "1"


def test_the_ledger_tells_what_stands(account):
    account.sale(account.contact(firstname="Jane"), account.product())
    ledger = account.ledger()
    (sold,) = ledger["transactions"]
    assert (sold["email"], sold["total"], sold["external_order_id"]) == ("jane@example.com", "19.98", ORDER)
    assert (sold["date"], sold["paid_at"]) == (TRANS_DATE // 1000, "2013-05-29T09:46:00+00:00")
    (line,) = sold["lines"]
    assert (line["external_id"], line["quantity"], line["price"], line["total"]) == (
        "BONE",
        2,
        "9.99",
        "19.98",
    )
    assert ledger["contacts"][0]["fields"]["firstname"] == "Jane"
    assert ledger["counts"]["transactions"] == 1
    assert not any(ledger["duplicates"].values())


def test_the_ledger_counts_requests_by_route_and_status(account):
    account.contact(), account.contact(), account.api("GET", "/Nothing")
    figures = account.ledger()["requests"]
    assert figures["by_route"] == {"POST /Contacts/saveorupdate": 2, "GET /Nothing": 1}
    assert figures["by_status"] == {"200": 2, "404": 1}
    assert (figures["total"], figures["last_minute"], figures["peak_minute"], figures["by_minute"]) == (
        3,
        3,
        3,
        [3],
    )


def test_a_summary_of_the_ledger_leaves_out_the_objects(account):
    account.contact()
    summary = account.control("GET", "/ledger?summary=1").json()
    assert summary["counts"]["contacts"] == 1
    assert set(summary) == {"counts", "duplicates", "requests", "pending_commits"}


def test_a_reset_empties_the_ledger_and_can_set_the_rate(account):
    account.contact()
    account.fault({"kind": "answer", "status": 500})
    assert account.control("POST", "/reset", {"rate": 1, "first_id": 1}).json() == {"rate": 1}
    ledger = account.ledger()
    assert (ledger["contacts"], ledger["requests"]["total"]) == ([], 0)
    assert account.contact() == "1"
    assert account.api("GET", "/Contacts").status_code == 429


def test_no_id_is_given_again_after_a_reset(account):
    before = int(account.contact())
    account.control("POST", "/reset")
    assert int(account.contact()) == before + 1


def test_the_page_shows_sales_and_escapes_what_it_shows(account):
    account.sale(account.contact(), account.product(name="<b>BONE</b>"), external_order_id="<i>1</i>")
    page = account.control("GET", "/").text
    assert "19.98" in page
    assert "<b>" not in page
    assert "<i>" not in page

"""Checks of `relay doctor` that need no server: the address, the workers."""

import pytest
import responses
from requests.exceptions import ConnectionError as Refused
from requests.exceptions import SSLError

from app.cli.checkup.relay import check_address, check_alerts, check_settings, check_workers
from app.settings import load_settings

REAL = {
    "ULTRACART_MERCHANT_ID": "SHOP",
    "ONTRAPORT_APP_ID": "2_a",
    "ONTRAPORT_API_KEY": "key",
    "WEBHOOK_USERNAME": "u",
    "WEBHOOK_PASSWORD": "p",
    "RELAY_PUBLIC_URL": "https://relay.example.com",
}


def settings(tmp_path, **environ):
    return load_settings({**REAL, **environ}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ({"status": 200}, "ok", "answers"),
        ({"status": 404}, "wrong", "answers 404"),
        ({"status": 301}, "wrong", "answers 301"),
        ({"body": SSLError("expired")}, "wrong", "certificate"),
        ({"body": Refused("no")}, "wrong", "does not answer"),
    ],
)
def test_the_public_address(tmp_path, answer, verdict, words):
    with responses.RequestsMock() as mocked:
        mocked.get("https://relay.example.com/livez", **answer)
        check = check_address(settings(tmp_path))
    assert (check.verdict, words in check.text) == (verdict, True)


def test_no_public_address(tmp_path):
    assert check_address(settings(tmp_path, RELAY_PUBLIC_URL="")).verdict == "warn"
    assert check_address(load_settings({}, tmp_path / ".env")).verdict == "ok"


def test_whether_anybody_is_told(tmp_path):
    told = {"ALERT_SLACK_URL": "https://example.com/x", "DEADMAN_URL": "https://example.com/y"}
    assert [one.verdict for one in check_alerts(settings(tmp_path))] == ["warn", "warn"]
    assert [one.verdict for one in check_alerts(settings(tmp_path, **told))] == ["ok", "ok"]
    assert list(check_alerts(load_settings({}, tmp_path / ".env"))) == []


@pytest.mark.parametrize(("latency", "verdict"), [(0.0, "ok"), (2.0, "ok"), (4.0, "warn")])
def test_threads_against_the_rate(tmp_path, latency, verdict):
    assert check_workers(settings(tmp_path), latency).verdict == verdict


def test_the_merchants_are_named(tmp_path):
    (check,) = check_settings(settings(tmp_path))
    assert check.text == "merchants: SHOP"

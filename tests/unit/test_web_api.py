"""`/api`: who gets in, and the receipt's pixel."""

import pytest

from app.settings import load_settings
from app.web import create_app
from tests.receiver import basic

CONFIG = """
ontraport_method = "pixel"
[merchants.DEMO.pixel.themes]
default = "a.ontraport.com"
"w--><script>" = "b.ontraport.com"
"""
HERE = {"REMOTE_ADDR": "127.0.0.1"}
THERE = {"REMOTE_ADDR": "192.0.2.7"}


class NoInbox:
    def admit(self, items, merchant_id):
        raise AssertionError

    async def admit_async(self, items, merchant_id):
        raise AssertionError

    def ready(self):
        raise AssertionError


@pytest.fixture
def ask(tmp_path):
    def get(path="/api/pixel", config=CONFIG, environ=HERE, password="", **headers):
        (tmp_path / "relay.toml").write_text(config)
        settings = load_settings(
            {"RELAY_CONFIG": str(tmp_path / "relay.toml"), "CONSOLE_PASSWORD": password}, tmp_path / ".env"
        )
        client = create_app(settings, NoInbox()).test_client()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(path, environ_base=environ, headers=named)

    return get


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        (HERE, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {"Host": "[::1]:8000"}, 200),
        (HERE, {"Host": "127.0.0.1:8000"}, 200),
        (THERE, {}, 403),
        ({"REMOTE_ADDR": ""}, {}, 403),
        (THERE, {"X_Forwarded_For": "127.0.0.1"}, 403),
        (HERE, {"X_Forwarded_For": "127.0.0.1"}, 403),
        (HERE, {"Forwarded": "for=127.0.0.1"}, 403),
        (HERE, {"Host": "rebound.example.com"}, 403),
        (HERE, {"Host": "127.0.0.1.example.com"}, 403),
        (HERE, {"Host": "[::1"}, 403),
    ],
)
def test_without_a_password_it_answers_to_this_machine_alone(ask, environ, headers, status):
    answer = ask(environ=environ, **headers)
    assert answer.status_code == status
    assert status == 200 or "CONSOLE_PASSWORD is not set" in answer.json["error"]


@pytest.mark.parametrize("environ", [HERE, THERE])
def test_with_a_password_nobody_gets_in_without_it(ask, environ):
    for header in ({}, {"Authorization": basic("relay", "wrong")}, {"Authorization": basic("demo", "pass")}):
        answer = ask(environ=environ, password="pass", **header)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert ask(environ=environ, password="pass", Authorization=basic("relay", "pass")).status_code == 200


def test_the_receipt_of_every_theme_is_text_that_no_browser_runs(ask):
    answer = ask()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert '"a.ontraport.com"' in answer.text
    assert '"b.ontraport.com"' in answer.text
    assert "--><script>" not in answer.text


def test_one_theme_as_json(ask):
    told = ask("/api/pixel.json?theme=default&method=both").json
    assert (told["merchant"], told["method"], list(told["themes"])) == ("DEMO", "both", ["default"])
    assert "aff_only" in told["themes"]["default"]


@pytest.mark.parametrize(
    ("path", "config", "status", "words"),
    [
        ("/api/pixel?theme=spring", CONFIG, 404, "no such theme"),
        ("/api/pixel?merchant=OTHER", CONFIG, 404, "no such merchant"),
        ("/api/pixel?method=fax", CONFIG, 400, "method must be one of pixel, both"),
        ("/api/pixel?thema=x", CONFIG, 400, "unknown parameter 'thema'"),
        ("/api/pixel?theme=" + "x" * 201, CONFIG, 400, "longer than 200"),
        ("/api/pixel", "", 409, "ONTRAPORT_METHOD is api"),
        ("/api/pixel?method=both", "", 409, "no theme has a host"),
        ("/api/nothing", CONFIG, 404, "not found"),
    ],
)
def test_what_cannot_be_told_says_why(ask, path, config, status, words):
    answer = ask(path, config)
    assert answer.status_code == status
    assert words in answer.json["error"]


def test_nothing_is_told_to_a_stranger_who_asks_for_too_much(ask):
    assert ask("/api/pixel?theme=spring", environ=THERE).status_code == 403


def test_themes_are_not_printed_without_end(ask):
    themes = "\n".join(f'theme{number} = "a.ontraport.com"' for number in range(101))
    config = f'ontraport_method = "pixel"\n[merchants.DEMO.pixel.themes]\n{themes}\n'
    assert ask(config=config).status_code == 400
    assert ask("/api/pixel?theme=theme100", config).status_code == 200

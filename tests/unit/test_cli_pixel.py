"""`relay pixel`: what it prints for which theme, and what it asks for."""

import json

import pytest
from click.testing import CliRunner

from app.cli.main import main
from tests.unit.test_pixel import ORDER


@pytest.fixture
def relay(tmp_path, monkeypatch):
    config = tmp_path / "relay.toml"
    config.write_text(
        'ontraport_method = "pixel"\n[merchants.DEMO.pixel.themes]\ndefault = "a.ontraport.com"\n'
        'winter = "b.ontraport.com"\n'
    )
    monkeypatch.setenv("RELAY_CONFIG", str(config))

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, ["pixel", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_every_theme_is_printed(relay):
    printed = relay()
    assert "theme default" in printed
    assert "theme winter" in printed
    assert '"b.ontraport.com"' in printed


def test_one_theme_as_json(relay):
    printed = json.loads(relay("--theme", "winter", "--json"))
    assert list(printed["themes"]) == ["winter"]
    assert printed["method"] == "pixel"


def test_one_order_as_an_image(relay, tmp_path):
    file = tmp_path / "order.json"
    file.write_text(json.dumps({"success": True, "order": ORDER}))
    printed = relay("--theme", "winter", "--order", str(file))
    assert '<img src="https://b.ontraport.com/p?order_id=DEMO-1&amp;' in printed
    printed = relay("--theme", "winter", "--method", "both", "--order", str(file))
    assert "aff_only=1&amp;order_id=0&amp;email=" in printed


def test_an_unknown_theme_is_named(relay):
    assert "summer" in relay("--theme", "summer", code=2)


def test_a_file_that_is_no_order_is_refused(relay, tmp_path):
    file = tmp_path / "order.json"
    file.write_text("[1]")
    relay("--order", str(file), code=2)
    file.write_text("{")
    relay("--order", str(file), code=2)


def test_under_api_no_pixel_is_needed(monkeypatch):
    monkeypatch.delenv("RELAY_CONFIG", raising=False)
    done = CliRunner().invoke(main, ["pixel"])
    assert done.exit_code == 2
    assert "ONTRAPORT_METHOD is api" in done.output


def test_without_a_theme_the_table_is_named(monkeypatch):
    monkeypatch.setenv("ONTRAPORT_METHOD", "both")
    done = CliRunner().invoke(main, ["pixel"])
    assert done.exit_code == 2
    assert "[merchants.DEMO.pixel.themes]" in done.output

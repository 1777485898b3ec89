"""The two files a setting may come from: `.env`, and a TOML file with several merchants."""

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, load_settings
from app.settings_sources import parse_dotenv

EXAMPLE_SECRETS = {
    "DEMO_WEBHOOK_PASSWORD": "demo-hook",
    "DEMO_ULTRACART_KEY": "demo-ultracart",
    "DEMO_ONTRAPORT_APP_ID": "demo-app",
    "DEMO_ONTRAPORT_API_KEY": "demo-key",
    "ACME_WEBHOOK_PASSWORD": "acme-hook",
    "ACME_ONTRAPORT_APP_ID": "acme-app",
    "ACME_ONTRAPORT_API_KEY": "acme-key",
}
TABLE = """
[merchants.SHOP]
webhook_username = "hook"
webhook_password = "pass"
ontraport_app_id = "app"
ontraport_api_key = "key"
"""


@pytest.fixture
def load(tmp_path):
    def load_with(toml: str, **environ: str) -> Settings:
        (tmp_path / "relay.toml").write_text(toml)
        return load_settings({"RELAY_CONFIG": str(tmp_path / "relay.toml"), **environ}, tmp_path / ".env")

    return load_with


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("  NAME = spaced out  ", "spaced out"),
        ("export NAME=exported", "exported"),
        ("NAME=value # comment", "value"),
        ("NAME=a#b", "a#b"),
        ("NAME=#nothing", ""),
        ('NAME="two words # kept" # comment', "two words # kept"),
        (r'NAME="line\nbreak \"quoted\""', 'line\nbreak "quoted"'),
        (r"NAME='back\slash'", r"back\slash"),
        ("NAME=postgres://a:b@c/d?e=f", "postgres://a:b@c/d?e=f"),
        ("NAME=", ""),
        ('NAME=""', ""),
    ],
)
def test_a_line_of_dotenv(line, value):
    assert parse_dotenv(f"# a comment\n\n{line}\n") == {"NAME": value}


def test_the_last_line_of_a_name_counts():
    assert parse_dotenv("A=1\nA=2\n") == {"A": "2"}


def test_a_line_that_is_none_is_refused_by_its_number_and_without_its_text():
    with pytest.raises(SettingsError, match="line 2") as refusal:
        parse_dotenv("A=1\nhunter2\n")
    assert "hunter2" not in str(refusal.value)


def test_the_example_has_two_complete_merchants(tmp_path):
    environ = {"RELAY_CONFIG": "relay.example.toml", **EXAMPLE_SECRETS}
    settings = load_settings(environ, tmp_path / ".env")
    demo, acme = settings.merchants["DEMO"], settings.merchants["ACME"]
    assert not settings.sandbox
    assert settings.ultracart_merchant_id == ""
    assert (settings.worker_processes, settings.exchange_days) == (2, 60)
    assert demo.ontraport.api_key.reveal() == "demo-key"
    assert demo.ontraport.rate_per_minute == 150
    assert demo.ultracart_key.reveal() == "demo-ultracart"
    assert [one.reveal() for one in demo.webhook_passwords] == ["demo-hook"]
    assert demo.rules.products["LEASH-2M"] == "Leather leash, 2 m"
    assert demo.rules.item_tags == {"BONE": ("Bought a bone", "Dog owner")}
    assert demo.rules.order_tags == ("UltraCart customer",)
    assert demo.rules.channel_partner_codes == ("ONTRAPORT",)
    assert demo.rules.shipping_product == "Shipping and handling"
    assert acme.ontraport.app_id.reveal() == "acme-app"
    assert acme.ontraport.rate_per_minute == 170
    assert acme.rules.tax_product == "Tax"


def test_the_example_shows_every_key_that_a_merchant_can_have():
    text = Path("relay.example.toml").read_text()
    for key in (
        "webhook_password_previous",
        "ultracart_base_url",
        "ontraport_base_url",
        "tax_product",
        "surcharge_product",
        "channel_partner_codes",
        "[merchants.DEMO.products]",
        "[merchants.DEMO.item_tags]",
    ):
        assert key in text


def test_a_reference_to_a_variable_that_is_not_set_is_refused_by_both_names(tmp_path):
    environ = {"RELAY_CONFIG": "relay.example.toml", **EXAMPLE_SECRETS, "ACME_ONTRAPORT_API_KEY": ""}
    with pytest.raises(SettingsError, match=r"merchants\.ACME\.ontraport_api_key.*ACME_ONTRAPORT_API_KEY"):
        load_settings(environ, tmp_path / ".env")


def test_the_only_merchant_of_the_file_is_the_main_one(load):
    settings = load(TABLE)
    assert settings.ultracart_merchant_id == "SHOP"
    assert settings.webhook_username == "hook"


def test_variables_complete_and_overrule_the_table_of_their_merchant(load):
    toml = '[merchants.SHOP]\nontraport_rate_per_minute = 60\norder_tags = ["Customer"]\n'
    settings = load(
        toml,
        ULTRACART_MERCHANT_ID="SHOP",
        ONTRAPORT_APP_ID="app",
        ONTRAPORT_API_KEY="key",
        ONTRAPORT_RATE_PER_MINUTE="80",
        WEBHOOK_USERNAME="hook",
        WEBHOOK_PASSWORD="pass",
    )
    shop = settings.merchants["SHOP"]
    assert shop.ontraport.rate_per_minute == 80
    assert shop.rules.order_tags == ("Customer",)


def test_credentials_of_one_merchant_are_not_lent_to_another(load):
    with pytest.raises(SettingsError, match=r"merchants\.OTHER\.ontraport_app_id"):
        load(TABLE + "[merchants.OTHER]\nwebhook_username = 'x'\nwebhook_password = 'y'\n")


def test_rules_work_in_sandbox_mode(load):
    settings = load('[merchants.DEMO]\nshipping_product = "Postage"\n')
    assert settings.sandbox
    assert settings.merchants["DEMO"].rules.shipping_product == "Postage"


@pytest.mark.parametrize(
    ("toml", "word"),
    [
        ("colour = 1\n", "colour"),
        ("relay_config = 'x'\n", "relay_config"),
        (TABLE + "colour = 1\n", "colour"),
        (TABLE.replace('"app"', "2"), "merchants.SHOP.ontraport_app_id must be text"),
        (TABLE.replace('"key"', "{ file = 'x' }"), "merchants.SHOP.ontraport_api_key"),
        (TABLE + "ontraport_rate_per_minute = 'fast'\n", "merchants.SHOP.ontraport_rate_per_minute=fast"),
        (TABLE + "order_tags = 'one'\n", "merchants.SHOP.order_tags"),
        (TABLE + "products = ['BONE']\n", "merchants.SHOP.products"),
        (TABLE + "[merchants.SHOP.item_tags]\nBONE = 'one'\n", "merchants.SHOP.item_tags.BONE"),
        ("[merchants]\nSHOP = 1\n", "merchants.SHOP"),
        ("merchants = 1\n", "merchants"),
        ("port = true\n", "PORT=True"),
        ("[unclosed\n", "RELAY_CONFIG"),
        ("[merchants.DEMO]\nontraport_base_url = 'http://127.0.0.1:9/1'\n", "ONTRAPORT_BASE_URL"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(load, toml, word):
    with pytest.raises(SettingsError, match=word.replace(".", r"\.")):
        load(toml)


def test_numbers_and_truths_of_the_file_keep_their_type(load):
    settings = load("port = 8123\nredis_tls_verify = false\nlive_since = 2026-01-01T00:00:00Z\n" + TABLE)
    assert (settings.port, settings.redis_tls_verify) == (8123, False)
    assert settings.live_since is not None
    assert settings.live_since.isoformat() == "2026-01-01T00:00:00+00:00"

"""What the operator writes becomes one checked object, or one line that says what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, load_settings

REAL = {
    "ONTRAPORT_APP_ID": "app-1",
    "ONTRAPORT_API_KEY": "key-1",
    "ULTRACART_MERCHANT_ID": "SHOP",
    "WEBHOOK_USERNAME": "hook",
    "WEBHOOK_PASSWORD": "p4ss-w0rd",
}


@pytest.fixture
def load(tmp_path):
    def load_with(dotenv: str = "", **environ: str) -> Settings:
        (tmp_path / ".env").write_text(dotenv)
        return load_settings(environ, tmp_path / ".env")

    return load_with


def test_without_any_setting_it_is_sandbox_mode_with_known_credentials(load):
    settings = load()
    demo = settings.merchants["DEMO"]
    assert settings.sandbox
    assert (settings.port, settings.flower_port, settings.sandbox_port) == (8000, 5555, 8001)
    assert (demo.webhook_username, [one.reveal() for one in demo.webhook_passwords]) == ("demo", ["demo"])
    assert demo.ontraport.base_url == "http://127.0.0.1:8001/ontraport/1"
    assert demo.ontraport.app_id.reveal() == demo.ontraport.api_key.reveal() == "sandbox"
    assert demo.ultracart_base_url.startswith("http://127.0.0.1:8001/")
    assert demo.account == "ontraport:DEMO"


def test_the_sandbox_port_and_merchant_of_sandbox_mode_can_be_chosen(load):
    settings = load(SANDBOX_PORT="9001", ULTRACART_MERCHANT_ID="SHOP", WEBHOOK_PASSWORD="own")
    shop = settings.merchants["SHOP"]
    assert list(settings.merchants) == ["SHOP"]
    assert shop.ontraport.base_url == "http://127.0.0.1:9001/ontraport/1"
    assert [one.reveal() for one in shop.webhook_passwords] == ["own"]


def test_sandbox_mode_has_no_live_since(load):
    assert load(LIVE_SINCE="2026-01-01T00:00:00Z").live_since is None


def test_with_both_keys_it_is_the_real_account(load):
    settings = load(**REAL, WEBHOOK_PASSWORD_PREVIOUS="older", ONTRAPORT_RATE_PER_MINUTE="90")
    shop = settings.merchants["SHOP"]
    assert not settings.sandbox
    assert settings.ultracart_merchant_id == "SHOP"
    assert [one.reveal() for one in shop.webhook_passwords] == ["p4ss-w0rd", "older"]
    assert shop.ontraport.base_url == "https://api.ontraport.com/1"
    assert shop.ontraport.rate_per_minute == 90
    assert not shop.ultracart_key


@pytest.mark.parametrize("missing", ["ONTRAPORT_APP_ID", "ONTRAPORT_API_KEY"])
def test_one_key_without_the_other_is_refused_by_the_name_of_the_missing_one(load, missing):
    with pytest.raises(SettingsError, match=f"^{missing} is missing"):
        load(**{name: value for name, value in REAL.items() if name != missing})
    with pytest.raises(SettingsError, match=f"^{missing} is missing"):
        load(**{name: value for name, value in REAL.items() if "ONTRAPORT" in name and name != missing})


@pytest.mark.parametrize("missing", ["ULTRACART_MERCHANT_ID", "WEBHOOK_USERNAME", "WEBHOOK_PASSWORD"])
def test_with_keys_the_merchant_and_its_credentials_are_required(load, missing):
    with pytest.raises(SettingsError, match=f"{missing} is missing"):
        load(**{**REAL, missing: "  "})


def test_a_base_address_without_keys_is_refused(load):
    with pytest.raises(SettingsError, match=r"ONTRAPORT_APP_ID.*ONTRAPORT_BASE_URL"):
        load(ONTRAPORT_BASE_URL="https://api.ontraport.com/1")
    with pytest.raises(SettingsError, match="ONTRAPORT_BASE_URL"):
        load("ONTRAPORT_BASE_URL=http://127.0.0.1:9/1\n")


def test_the_example_file_as_it_stands_is_sandbox_mode(load):
    settings = load(Path(".env.example").read_text())
    assert settings == load()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.ontraport.com/1/", "https://api.ontraport.com/1"),
        ("http://127.0.0.1:8099/1", "http://127.0.0.1:8099/1"),
        ("http://crm.test/other/prefix/1/", "http://crm.test/other/prefix/1"),
    ],
)
def test_a_base_address_loses_its_trailing_slash_only(load, given, kept):
    assert load(**REAL, ONTRAPORT_BASE_URL=given).merchants["SHOP"].ontraport.base_url == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONTRAPORT_BASE_URL", "api.ontraport.com/1"),
        ("ONTRAPORT_BASE_URL", "ftp://api.ontraport.com/1"),
        ("ONTRAPORT_BASE_URL", "https://api.ontraport.com"),
        ("ONTRAPORT_BASE_URL", "https://crm.test/1?key=x"),
        ("ONTRAPORT_BASE_URL", "https://crm.test:port/1"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("PORT", "8000.5"),
        ("FLOWER_PORT", "8000"),
        ("REDIS_TLS_VERIFY", "maybe"),
        ("REDIS_URL", "http://localhost:6379"),
        ("LIVE_SINCE", "yesterday"),
        ("WORKER_THREADS", "0"),
        ("ONTRAPORT_RATE_PER_MINUTE", "-1"),
        ("ULTRACART_MERCHANT_ID", "with blank"),
        ("RELAY_CONFIG", "/nowhere/relay.toml"),
        ("ALERT_WEBHOOK_URL", "example.com/hook"),
        ("ALERT_SLACK_URL", "ftp://example.com/hook"),
        ("DEADMAN_URL", "https://"),
        ("DEADMAN_URL", "https://host:port/x"),
        ("SMTP_URL", "mail.example.com:587"),
        ("SMTP_URL", "smtp://user:pass@mail.example.com?tls=off"),
        ("SMTP_URL", "smtp://mail.example.com?tls=maybe"),
        ("ALERT_EMAIL_TO", "nobody"),
        ("ALERT_EMAIL_TO", "a@example.com"),
        ("ALERT_EMAIL_FROM", "a@example.com,b@example.com"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(load, name, value):
    with pytest.raises(SettingsError, match=name):
        load(**{**REAL, name: value})


def test_a_refusal_tells_the_value_and_what_is_allowed(load):
    with pytest.raises(SettingsError, match=r"^PORT=99999: a whole number from 1 to 65535 is expected$"):
        load(PORT="99999")


def test_no_secret_is_ever_shown(load):
    settings = load(**REAL, REDIS_URL="redis://:r3dis-secret@localhost:6379/0", CONSOLE_PASSWORD="c0nsole")
    for secret in ("app-1", "key-1", "p4ss-w0rd", "r3dis-secret", "c0nsole"):
        assert secret not in repr(settings)
        assert secret not in str(settings)
    with pytest.raises(SettingsError) as refusal:
        load(**REAL, REDIS_URL="postgres://:r3dis-secret@localhost")
    assert "r3dis-secret" not in str(refusal.value)


def test_addresses_of_alerts_are_secrets_and_mail_needs_both_ends(load):
    to = {
        "SMTP_URL": "smtps://user:h1dden@mail.example.com",
        "ALERT_EMAIL_TO": "a@example.com, b@example.com",
    }
    settings = load(
        **to, ALERT_SLACK_URL="https://example.com/h1dden", DEADMAN_URL="https://example.com/h1dden"
    )
    assert settings.alert_email_to == "a@example.com,b@example.com"
    assert "h1dden" not in repr(settings)
    for wrong in ("https://user:h1dden@host:port/x", "h1dden"):
        with pytest.raises(SettingsError) as refusal:
            load(DEADMAN_URL=wrong)
        assert "h1dden" not in str(refusal.value)
    with pytest.raises(SettingsError, match="ALERT_EMAIL_TO is missing"):
        load(SMTP_URL="smtp://mail.example.com")
    with pytest.raises(SettingsError, match="SMTP_URL is missing"):
        load(ALERT_EMAIL_TO="a@example.com")


def test_the_environment_beats_dotenv_beats_the_file_beats_the_default(load, tmp_path):
    config = tmp_path / "relay.toml"
    config.write_text("port = 1001\nflower_port = 1002\nworker_threads = 3\n")
    settings = load("PORT=2001\nFLOWER_PORT=2002\n", RELAY_CONFIG=str(config), PORT="3001")
    assert (settings.port, settings.flower_port, settings.worker_threads, settings.sandbox_port) == (
        3001,
        2002,
        3,
        8001,
    )


def test_empty_text_is_not_set(load):
    assert load("PORT=2001\n", PORT="").port == 2001
    assert load(ONTRAPORT_APP_ID="", ONTRAPORT_API_KEY=" ").sandbox


def test_times_without_an_offset_are_utc(load):
    assert load(**REAL, LIVE_SINCE="2026-03-01T10:00:00").live_since == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert load(**REAL, LIVE_SINCE="2026-03-01T10:00:00-05:00").live_since == datetime(
        2026, 3, 1, 15, tzinfo=UTC
    )


def test_a_dyno_without_redis_is_refused(load):
    with pytest.raises(SettingsError, match="REDIS_URL is missing"):
        load(DYNO="web.1")
    with pytest.raises(SettingsError, match="ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing"):
        load(DYNO="web.1", REDIS_URL="redis://host:1")
    assert load(**REAL, DYNO="web.1", REDIS_URL="redis://host:1").redis_url == "redis://host:1"


@pytest.mark.parametrize(("verify", "word"), [("true", "required"), ("false", "none")])
def test_a_tls_address_says_whether_certificates_are_verified(load, verify, word):
    settings = load(REDIS_URL="rediss://:secret@host:6380/0", REDIS_TLS_VERIFY=verify)
    assert settings.redis_url == f"rediss://:secret@host:6380/0?ssl_cert_reqs={word}"

"""One frozen object from the environment, `.env` and an optional TOML file; wrong values stop the start.

Environment beats `.env`, `.env` beats the TOML file, the TOML file beats the default. Anyone may import it.
Every field's `env` metadata names its variable; `.env.example` lists exactly these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.errors import SettingsError
from app.settings_merchants import Merged, merge_merchants
from app.settings_pixel import METHODS
from app.settings_pixel import Pixel as Pixel
from app.settings_rules import PARTIAL_REFUNDS
from app.settings_rules import Exclusions as Exclusions
from app.settings_rules import MappingRules as MappingRules
from app.settings_rules import OrderStatusRule as OrderStatusRule
from app.settings_sources import Found, read_sources
from app.settings_tables import MERCHANT_KEYS, MerchantTable, read_tables
from app.settings_values import (
    to_base_url,
    to_bool,
    to_choice,
    to_int,
    to_mail_addresses,
    to_moment,
    to_path,
    to_redis_url,
    to_smtp_url,
    to_target_url,
    to_text,
)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that never shows itself in logs or tracebacks."""

    value: str = ""

    def __repr__(self) -> str:
        return "Secret(***)" if self.value else "Secret()"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self.value)

    def reveal(self) -> str:
        """The plain text, for the one place that sends or compares it."""
        return self.value


def variable(name: str, default: Any = None, least: int = 0, most: int = 2**53, repr: bool = True) -> Any:
    """A settings field that is read from the environment variable `name`; the range is for whole numbers."""
    return field(default=default, repr=repr, metadata={"env": name, "least": least, "most": most})


def choice(name: str, choices: tuple[str, ...]) -> Any:
    """A settings field that is one of a few words; the first is its default."""
    return field(default=choices[0], metadata={"env": name, "choices": choices})


def checked(name: str, default: Any, check: Callable[[str, Any], str]) -> Any:
    """A text or secret that is checked when it is read."""
    return field(default=default, metadata={"env": name, "check": check})


def tcp_port(name: str, default: int) -> Any:
    """A TCP port that the relay listens on."""
    return variable(name, default, 1, 65535)


@dataclass(frozen=True, slots=True)
class OntraportAccount:
    """One destination: keys, base address (with `/1`, no trailing slash) and our share of its rate limit."""

    app_id: Secret
    api_key: Secret
    base_url: str
    rate_per_minute: int


@dataclass(frozen=True, slots=True)
class Merchant:
    """One UltraCart merchant: what it presents at the webhook and where its facts go."""

    id: str
    webhook_username: str
    webhook_passwords: tuple[Secret, ...]
    ultracart_key: Secret
    ultracart_base_url: str
    ontraport: OntraportAccount
    rules: MappingRules = field(default_factory=MappingRules)
    method: str = METHODS[0]
    pixel: Pixel = field(default_factory=Pixel)

    @property
    def account(self) -> str:
        """The account's name everywhere: line, ledger, gate, budget, ready list."""
        return f"ontraport:{self.id}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decides. Durations are in the unit that the name says."""

    port: int = tcp_port("PORT", 8000)
    flower_port: int = tcp_port("FLOWER_PORT", 5555)
    sandbox_port: int = tcp_port("SANDBOX_PORT", 8001)
    # Not shown: the address holds a password.
    redis_url: str = variable("REDIS_URL", "", repr=False)
    redis_tls_verify: bool = variable("REDIS_TLS_VERIFY", True)
    valkey_memory_mb: int = variable("VALKEY_MEMORY_MB", 1024, 64)
    data_dir: Path = variable("RELAY_DATA_DIR", Path("var"))
    config_file: str = variable("RELAY_CONFIG", "")
    ultracart_merchant_id: str = variable("ULTRACART_MERCHANT_ID", "")
    ultracart_simple_key: Secret = variable("ULTRACART_SIMPLE_KEY", Secret())
    ultracart_base_url: str = variable("ULTRACART_BASE_URL", "https://secure.ultracart.com/rest/v2")
    webhook_username: str = variable("WEBHOOK_USERNAME", "")
    webhook_password: Secret = variable("WEBHOOK_PASSWORD", Secret())
    webhook_password_previous: Secret = variable("WEBHOOK_PASSWORD_PREVIOUS", Secret())
    webhook_max_bytes: int = variable("WEBHOOK_MAX_BYTES", 10 * 1024 * 1024, 1024)
    ontraport_app_id: Secret = variable("ONTRAPORT_APP_ID", Secret())
    ontraport_api_key: Secret = variable("ONTRAPORT_API_KEY", Secret())
    ontraport_base_url: str = variable("ONTRAPORT_BASE_URL", "https://api.ontraport.com/1")
    ontraport_rate_per_minute: int = variable("ONTRAPORT_RATE_PER_MINUTE", 170, 1)
    refund_partial: str = choice("REFUND_PARTIAL", PARTIAL_REFUNDS)
    ontraport_method: str = choice("ONTRAPORT_METHOD", METHODS)
    item_poll_seconds: int = variable("ITEM_POLL_SECONDS", 300, 1, 86400)
    affiliate_poll_seconds: int = variable("AFFILIATE_POLL_SECONDS", 900, 1, 86400)
    relay_public_url: str = variable("RELAY_PUBLIC_URL", "")
    feed_key: Secret = variable("FEED_KEY", Secret())
    console_password: Secret = variable("CONSOLE_PASSWORD", Secret())
    live_since: datetime | None = variable("LIVE_SINCE", None)
    relay_release: str = variable("RELAY_RELEASE", "")
    relay_instance: str = variable("RELAY_INSTANCE", "")
    gate_probe_seconds: int = variable("GATE_PROBE_SECONDS", 300, 1)
    payload_days: int = variable("PAYLOAD_DAYS", 3, 0, 3650)
    exchange_days: int = variable("EXCHANGE_DAYS", 30, 0, 3650)
    ledger_days: int = variable("LEDGER_DAYS", 800, 1, 36500)
    alert_webhook_url: Secret = checked("ALERT_WEBHOOK_URL", Secret(), to_target_url)
    alert_slack_url: Secret = checked("ALERT_SLACK_URL", Secret(), to_target_url)
    smtp_url: Secret = checked("SMTP_URL", Secret(), to_smtp_url)
    alert_email_to: str = checked("ALERT_EMAIL_TO", "", to_mail_addresses)
    alert_email_from: str = checked("ALERT_EMAIL_FROM", "", to_mail_addresses)
    deadman_url: Secret = checked("DEADMAN_URL", Secret(), to_target_url)
    worker_processes: int = variable("WORKER_PROCESSES", 1, 1, 64)
    worker_threads: int = variable("WORKER_THREADS", 8, 1, 256)
    web_processes: int = variable("WEB_PROCESSES", 1, 1, 64)
    merchants: Mapping[str, Merchant] = field(default_factory=dict)

    sandbox: bool = False


_FIELDS = {item.metadata["env"]: item for item in fields(Settings) if "env" in item.metadata}
_DEFAULTS = {key: _FIELDS[key.upper()].default for key in MERCHANT_KEYS}


def load_settings(environ: Mapping[str, str], dotenv: Path = Path(".env")) -> Settings:
    """Read, convert and check all settings; empty text counts as not set.

    Without any ONTRAPORT key the answer is sandbox mode. Raises SettingsError, which names the setting.
    """
    sources = read_sources(environ, frozenset(_FIELDS), dotenv)
    values = {
        _FIELDS[name].name: value
        for name, found in sources.variables.items()
        if not _repeats_default(name, found, value := _convert(name, name, found.value))
    }
    values.setdefault("relay_release", sources.lookup("HEROKU_SLUG_COMMIT"))
    settings = Settings(**values)
    _check_ports(settings)
    _check_mail(settings)
    if environ.get("DYNO") and not settings.redis_url:
        raise SettingsError("REDIS_URL is missing: a dyno's disk does not last, so it cannot hold the store")
    tables = read_tables(sources.merchants, sources.lookup)
    converted = {merchant_id: _convert_table(merchant_id, table) for merchant_id, table in tables.items()}
    merged = merge_merchants(values, converted, _DEFAULTS, _sandbox_values(settings))
    if environ.get("DYNO") and merged.sandbox:
        raise SettingsError(
            "ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing: on a dyno nobody tries out the sandbox"
        )
    return _complete(settings, merged, tables)


def _convert(name: str, label: str, raw: Any) -> Any:
    """The typed value of the variable `name`; `label` is what the operator called it."""
    item = _FIELDS[name]
    if item.type is int:
        return to_int(label, raw, item.metadata["least"], item.metadata["most"])
    if "check" in item.metadata:
        text = item.metadata["check"](label, raw)
        return Secret(text) if item.type is Secret else text
    if "choices" in item.metadata:
        return to_choice(label, raw, item.metadata["choices"])
    if name.endswith(("_BASE_URL", "_PUBLIC_URL")):
        return to_base_url(label, raw)
    return _CONVERTERS[item.type](label, raw)


_CONVERTERS: Mapping[Any, Callable[[str, Any], Any]] = {
    bool: to_bool,
    str: to_text,
    Path: to_path,
    Secret: lambda label, raw: Secret(to_text(label, raw)),
    datetime | None: to_moment,
}


def _convert_table(merchant_id: str, table: MerchantTable) -> dict[str, Any]:
    label = f"merchants.{merchant_id}."
    return {key: _convert(key.upper(), label + key, raw) for key, raw in table.values.items()}


def _repeats_default(name: str, found: Found, value: Any) -> bool:
    """A base address copied from `.env.example` as it stands is no decision for a real account."""
    return name.endswith("_BASE_URL") and found.origin == ".env" and value == _FIELDS[name].default


def _check_ports(settings: Settings) -> None:
    by_port: dict[int, str] = {}
    for name in ("PORT", "FLOWER_PORT", "SANDBOX_PORT"):
        other = by_port.setdefault(getattr(settings, _FIELDS[name].name), name)
        if other != name:
            raise SettingsError(f"{other} and {name} are the same port")


def _check_mail(settings: Settings) -> None:
    if settings.smtp_url and not settings.alert_email_to:
        raise SettingsError("ALERT_EMAIL_TO is missing: with SMTP_URL it says who gets the alerts")
    if settings.alert_email_to and not settings.smtp_url:
        raise SettingsError("SMTP_URL is missing: it says through which server ALERT_EMAIL_TO is reached")
    if "," in settings.alert_email_from:
        raise SettingsError("ALERT_EMAIL_FROM: one address is expected")


def _sandbox_values(settings: Settings) -> dict[str, Any]:
    """What completes a merchant in sandbox mode: well-known credentials, and the stand-ins' addresses."""
    root = f"http://127.0.0.1:{settings.sandbox_port}"
    ultracart = (
        {}
        if settings.ultracart_simple_key
        else {
            "ultracart_simple_key": Secret("sandbox"),
            "ultracart_base_url": f"{root}/ultracart/rest/v2",
        }
    )
    return {
        "webhook_username": "demo",
        "webhook_password": Secret("demo"),
        "ontraport_app_id": Secret("sandbox"),
        "ontraport_api_key": Secret("sandbox"),
        "ontraport_base_url": f"{root}/ontraport/1",
        **ultracart,
    }


def _complete(settings: Settings, merged: Merged, tables: Mapping[str, MerchantTable]) -> Settings:
    """The one object: the main merchant's effective values at the top, every merchant beside it."""
    main = merged.merchants.get(merged.main_id, {})
    redis_url = settings.redis_url
    return replace(
        settings,
        **{key: main[key] for key in MERCHANT_KEYS if key in main},
        ultracart_merchant_id=merged.main_id,
        redis_url=to_redis_url("REDIS_URL", redis_url, settings.redis_tls_verify) if redis_url else "",
        live_since=None if merged.sandbox else settings.live_since,
        merchants={key: _merchant(key, values, tables.get(key)) for key, values in merged.merchants.items()},
        sandbox=merged.sandbox,
    )


def _merchant(merchant_id: str, values: Mapping[str, Any], table: MerchantTable | None) -> Merchant:
    passwords = (values["webhook_password"], values["webhook_password_previous"])
    return Merchant(
        id=merchant_id,
        webhook_username=values["webhook_username"],
        webhook_passwords=tuple(password for password in passwords if password),
        ultracart_key=values["ultracart_simple_key"],
        ultracart_base_url=values["ultracart_base_url"],
        ontraport=OntraportAccount(
            app_id=values["ontraport_app_id"],
            api_key=values["ontraport_api_key"],
            base_url=values["ontraport_base_url"],
            rate_per_minute=values["ontraport_rate_per_minute"],
        ),
        rules=MappingRules(**(table.rules if table else {}), refund_partial=values["refund_partial"]),
        method=values["ontraport_method"],
        pixel=table.pixel if table else Pixel(),
    )

"""The TOML tables `[merchants.ID]`: keys, secrets by reference, rules. Only app.settings imports this.

A secret may stand in the file as text or as `{ env = "NAME" }`, which is read from the environment or `.env`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import SettingsError
from app.settings_pixel import Pixel, read_pixel
from app.settings_rules import RULES, read_rules
from app.settings_values import refuse_unknown

# Each is the small-letter name of the variable that says the same of the only merchant.
MERCHANT_KEYS = (
    "webhook_username",
    "webhook_password",
    "webhook_password_previous",
    "ultracart_simple_key",
    "ultracart_base_url",
    "ontraport_app_id",
    "ontraport_api_key",
    "ontraport_base_url",
    "ontraport_rate_per_minute",
    "refund_partial",
    "ontraport_method",
)


@dataclass(frozen=True, slots=True)
class MerchantTable:
    """One merchant's table: `values` are raw, by MERCHANT_KEYS; `rules` are MappingRules' arguments."""

    values: Mapping[str, Any]
    rules: Mapping[str, Any]
    pixel: Pixel


def read_tables(merchants: Mapping[str, Any], lookup: Callable[[str], str]) -> dict[str, MerchantTable]:
    """Read every merchant's table; `lookup` gives a variable's text, empty when it is not set.

    Raises SettingsError for an id that cannot be one, an unknown key or a reference to nothing.
    """
    return {merchant_id: _read(merchant_id, table, lookup) for merchant_id, table in merchants.items()}


def _read(merchant_id: str, table: Any, lookup: Callable[[str], str]) -> MerchantTable:
    label = f"merchants.{merchant_id}"
    if not isinstance(table, Mapping):
        raise SettingsError(f"{label} must be a table")
    refuse_unknown(label, table, {*MERCHANT_KEYS, *RULES, "pixel"})
    found = {key: _resolve(f"{label}.{key}", table[key], lookup) for key in MERCHANT_KEYS if key in table}
    values = {key: raw for key, raw in found.items() if raw != ""}
    pixel = read_pixel(f"{label}.pixel", table.get("pixel", {}))
    return MerchantTable(values, read_rules(label, table), pixel)


def _resolve(label: str, raw: Any, lookup: Callable[[str], str]) -> Any:
    if not isinstance(raw, Mapping):
        return raw
    name = raw.get("env")
    if set(raw) != {"env"} or not isinstance(name, str):
        raise SettingsError(f'{label}: a value or {{ env = "NAME" }} is expected')
    text = lookup(name)
    if not text:
        raise SettingsError(f"{label}: it names the variable {name}, which is not set")
    return text

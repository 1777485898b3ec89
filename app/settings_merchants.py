"""Which merchants there are, and from where each of their values comes. Only app.settings imports this.

The variables (environment, `.env`, the file's top level) describe one merchant, `ULTRACART_MERCHANT_ID`;
each table `[merchants.ID]` describes another, or completes that one. Values arrive converted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import SettingsError

SANDBOX_MERCHANT = "DEMO"

_KEYS = ("ontraport_app_id", "ontraport_api_key")
_WEBHOOK = ("webhook_username", "webhook_password")
# What all merchants share unless their table says otherwise; credentials are never shared.
_SHARED = (
    "ultracart_base_url",
    "ontraport_base_url",
    "ontraport_rate_per_minute",
    "refund_partial",
    "ontraport_method",
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """The merchants' values by id; `main_id` is the one without an id in its webhook address, or empty."""

    sandbox: bool
    main_id: str
    merchants: Mapping[str, Values]


def merge_merchants(
    variables: Values, tables: Mapping[str, Values], defaults: Values, sandbox: Values
) -> Merged:
    """Merge `variables` and `tables` over `defaults`; over `sandbox` too when nobody has an ONTRAPORT key.

    Raises SettingsError for a half-given pair of keys, missing credentials or a merchant without an id.
    """
    in_sandbox = not any(values.get(key) for values in (variables, *tables.values()) for key in _KEYS)
    if in_sandbox:
        _refuse_base(variables, tables)
    main_id = variables.get("ultracart_merchant_id", "") or _only_one(tables, in_sandbox)
    _check_owner(variables, main_id)
    ids = dict.fromkeys([*tables, *([main_id] if main_id else [])])
    shared = {key: variables[key] for key in _SHARED if key in variables}
    merged = {}
    for merchant_id in ids:
        own = {**tables.get(merchant_id, {}), **(variables if merchant_id == main_id else {})}
        values = {**defaults, **(sandbox if in_sandbox else {}), **shared, **own}
        _check(merchant_id, values, in_table=merchant_id in tables)
        merged[merchant_id] = values
    return Merged(in_sandbox, main_id, merged)


def _refuse_base(variables: Values, tables: Mapping[str, Values]) -> None:
    """A base address says that a real account is meant: the sandbox would hide that its keys are missing."""
    if any("ontraport_base_url" in values for values in (variables, *tables.values())):
        raise SettingsError(
            "ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing: ONTRAPORT_BASE_URL is set, "
            "and the sandbox only starts when none of the three is"
        )


def _only_one(tables: Mapping[str, Values], in_sandbox: bool) -> str:
    if len(tables) == 1:
        return next(iter(tables))
    return SANDBOX_MERCHANT if in_sandbox and not tables else ""


def _check_owner(variables: Values, main_id: str) -> None:
    """Keys and credentials in variables belong to somebody; half a pair is named before a missing id is."""
    if main_id:
        return
    _check_pair(variables, in_table="")
    orphan = next((key for key in (*_KEYS, *_WEBHOOK) if variables.get(key)), "")
    if orphan:
        raise SettingsError(f"ULTRACART_MERCHANT_ID is missing: {orphan.upper()} is set, but not whose it is")


def _check(merchant_id: str, values: Values, in_table: bool) -> None:
    label = f"merchants.{merchant_id}." if in_table else ""
    if not _ID.fullmatch(merchant_id):
        raise SettingsError(
            f"ULTRACART_MERCHANT_ID={merchant_id}: letters, digits, - and _ are expected, 32 at most"
        )
    _check_pair(values, label)
    for key in (*_KEYS, *_WEBHOOK):
        if not values.get(key):
            raise SettingsError(
                f"{_name(key, label)} is missing: merchant {merchant_id} cannot work without it"
            )


def _check_pair(values: Values, in_table: str) -> None:
    present = [key for key in _KEYS if values.get(key)]
    if len(present) == 1:
        missing = next(key for key in _KEYS if key not in present)
        raise SettingsError(
            f"{_name(missing, in_table)} is missing: {_name(present[0], in_table)} is set, "
            "and ONTRAPORT takes both or neither"
        )


def _name(key: str, label: str) -> str:
    return f"{label}{key} (or {key.upper()})" if label else key.upper()

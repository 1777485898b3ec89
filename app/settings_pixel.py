"""ONTRAPORT's Partner Tracking Pixel on the shop's receipt: what a merchant configures, read from TOML.

`Pixel` comes from app.settings; the words and names of it may be imported from here by anyone above.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import SettingsError
from app.settings_values import refuse_unknown, to_table, to_text

METHODS = ("api", "pixel", "both")

# What the pixel can tell of a sale; those of ITEM_VALUES once an item.
ITEM_VALUES = ("item_id", "item_price", "item_quantity")
VALUES = ("order_id", "email", *ITEM_VALUES, "tax", "tax_city", "tax_state", "tax_county", "shipping")

# ONTRAPORT does not publish all names: compare them with the pixel that the account shows, under
# Administration → Developer preferences and resources. `{n}` is the number of the item.
# https://ontraport.com/support/partner-programs/track-partners
PARAMETERS: Mapping[str, str] = {
    "order_id": "order_id",
    "email": "email",
    "item_id_{n}": "item_id",
    "item_price_{n}": "item_price",
    "item_quantity_{n}": "item_quantity",
    "tax": "tax",
    "tax_city": "tax_city",
    "tax_state": "tax_state",
    "tax_county": "tax_county",
    "shipping_amt": "shipping",
}
# What UltraCart replaces on the receipt. A token that it does not know stays as it is, and is left out.
TOKENS: Mapping[str, str] = {name: f"[{name}]" for name in VALUES} | {"order_id": "[order]"}

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]*(\{n\})?[A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Pixel:
    """Hosts by storefront theme, parameter names with what they take, and the receipt's tokens.

    `items_begin` and `items_end` stand around what the receipt repeats for each item.
    """

    themes: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=lambda: PARAMETERS)
    tokens: Mapping[str, str] = field(default_factory=lambda: TOKENS)
    items_begin: str = ""
    items_end: str = ""


def read_pixel(label: str, table: Any) -> Pixel:
    """The table `[merchants.ID.pixel]`; raises SettingsError, which names what is wrong."""
    if not isinstance(table, Mapping):
        raise SettingsError(f"{label} must be a table")
    refuse_unknown(label, table, ("themes", "parameters", "tokens", "items_begin", "items_end"))
    return Pixel(
        themes=to_table(f"{label}.themes", table.get("themes", {}), _host),
        parameters=_parameters(f"{label}.parameters", table.get("parameters", {})),
        tokens=_tokens(f"{label}.tokens", table.get("tokens", {})),
        items_begin=to_text(f"{label}.items_begin", table.get("items_begin", "")),
        items_end=to_text(f"{label}.items_end", table.get("items_end", "")),
    )


def _host(label: str, raw: Any) -> str:
    host = to_text(label, raw)
    if not _HOST.fullmatch(host):
        raise SettingsError(f"{label}={host}: a host name is expected, as demo.ontraport.com")
    return host


def _parameters(label: str, raw: Any) -> Mapping[str, str]:
    """The usual ones, over them those of the file; one that takes "" is left out."""
    given = to_table(label, raw, to_text)
    for name, value in given.items():
        if not name or not _PARAMETER.fullmatch(name):
            raise SettingsError(
                f"{label}: {name!r} is no parameter's name; {{n}} stands for an item's number"
            )
        if value and value not in VALUES:
            raise SettingsError(f"{label}.{name}={value}: one of {', '.join(VALUES)} is expected")
        if value and ("{n}" in name) != (value in ITEM_VALUES):
            raise SettingsError(
                f"{label}.{name}: {{n}} belongs to {', '.join(ITEM_VALUES)}, and to these alone"
            )
    return {name: value for name, value in {**PARAMETERS, **given}.items() if value}


def _tokens(label: str, raw: Any) -> Mapping[str, str]:
    given = to_table(label, raw, to_text)
    refuse_unknown(label, given, VALUES)
    return {**TOKENS, **given}

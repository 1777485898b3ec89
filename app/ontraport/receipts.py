"""The shop's receipt with ONTRAPORT's Partner Tracking Pixel: HTML for each storefront theme; pure.

https://ontraport.com/support/partner-programs/track-partners
"""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib import resources

from app.errors import SettingsError
from app.settings import Merchant, Pixel
from app.settings_pixel import ITEM_VALUES

# Sends the contact and the partner alone; the sale goes by API. ONTRAPORT wants order_id=0 with it.
AFFILIATE_ONLY = (("aff_only", "1"), ("order_id", "0"))
NUMBERS = frozenset({"item_price", "item_quantity", "tax", "shipping"})


def receipt_hosts(merchant: Merchant, method: str, theme: str = "") -> Mapping[str, str]:
    """The pixel's host of every theme, or of one; `method` is how the sales shall be told.

    Raises SettingsError, which says what is missing.
    """
    if method == "api":
        raise SettingsError("ONTRAPORT_METHOD is api: sales need no pixel; set it to pixel or both")
    themes = merchant.pixel.themes
    if not themes:
        raise SettingsError(
            f"no theme has a host: [merchants.{merchant.id}.pixel.themes] in RELAY_CONFIG names one for each"
        )
    if theme and theme not in themes:
        raise SettingsError(f"merchants.{merchant.id}.pixel.themes: {theme!r} is none of {', '.join(themes)}")
    return {theme: themes[theme]} if theme else themes


def receipt_page(receipts: Mapping[str, str]) -> str:
    """The HTML of several themes as one text, each under its name."""
    return "\n".join(
        f"<!-- ONTRAPORT partner tracking, theme {escape(name).replace('--', '- -')} -->\n{html}"
        for name, html in receipts.items()
    )


def receipt_html(host: str, pixel: Pixel, method: str) -> str:
    """What the shop's receipt needs for a host: the values as the shop fills them in, and a script.

    `both` tells only who bought, `pixel` the whole sale. Values are encoded in the browser, since the shop
    puts them in as they are; a token that the shop does not know is left out.
    """
    whole = method == "pixel"
    fixed = [] if whole else [list(pair) for pair in AFFILIATE_ONLY]
    parameters = pixel.parameters if whole else {"email": "email"}
    script = _template("pixel.js")
    for name, value in (("HOST", host), ("FIXED", fixed)):
        script = script.replace(f"@{name}@", _script_json(value))
    values = "\n".join(_islands(parameters, pixel, whole))
    return f'<div id="ontraport-sale" hidden>\n{values}\n</div>\n<script>\n{script}</script>\n'


def _islands(parameters: Mapping[str, str], pixel: Pixel, whole: bool) -> Iterator[str]:
    """One element a value; the tokens are the merchant's own words and stand as they are."""
    for name, value in parameters.items():
        if value not in ITEM_VALUES:
            yield _island(name, value, pixel)
    items = [_island(name, value, pixel) for name, value in parameters.items() if value in ITEM_VALUES]
    if whole and items:
        begin, end = (f"{text}\n" if text else "" for text in (pixel.items_begin, pixel.items_end))
        yield f"{begin}<div data-item>\n" + "\n".join(items) + f"\n</div>\n{end}".rstrip("\n")


def _island(name: str, value: str, pixel: Pixel) -> str:
    number = " data-number" if value in NUMBERS else ""
    return f'<span data-name="{escape(name)}"{number}>{pixel.tokens[value]}</span>'


def _script_json(value: object) -> str:
    """JSON that cannot end the script element."""
    return re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value))


def _template(name: str) -> str:
    return (resources.files("app.ontraport") / "receipt" / name).read_text()

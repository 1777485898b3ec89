"""The partner tracking pixel: numbered items, tax and shipping, escaping, the receipt, and who had one."""

import json
import re
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.errors import SettingsError
from app.ontraport.pixel import (
    PixelItem,
    PixelSale,
    affiliate_url,
    had_receipt,
    image,
    sale_of,
    sale_url,
)
from app.ontraport.receipts import receipt_html
from app.relay.sales import SalePlan, plan_sale
from app.settings import MappingRules, Pixel, load_settings
from app.settings_pixel import PARAMETERS, read_pixel
from app.ultracart.schemas import load_order

HOST = "demo.ontraport.com"
ORDER = {
    "order_id": "DEMO-1",
    "creation_dts": "2026-03-01T12:00:00-05:00",
    "billing": {"email": "Jane+x@Example.com", "city": "Austin", "state_region": "TX"},
    "items": [
        {"merchant_item_id": "BONE", "quantity": 2, "total_cost_with_discount": {"value": 19.98}},
        {"merchant_item_id": "LEASH & co", "quantity": 1, "total_cost_with_discount": {"value": 5}},
    ],
    "summary": {
        "total": {"value": 33.5},
        "tax": {"value": 2.06},
        "shipping_handling_total": {"value": 6.46},
    },
    "payment": {"payment_status": "Processed", "payment_dts": "2026-03-01T12:00:10-05:00"},
}


def sale() -> PixelSale:
    plan = plan_sale("order_create", ORDER, MappingRules(), None)
    assert isinstance(plan, SalePlan)
    return sale_of(load_order(ORDER), plan)


def pairs(url):
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def test_items_are_numbered_and_tax_and_shipping_are_told():
    url = sale_url(HOST, PARAMETERS, sale())
    assert url.startswith("https://demo.ontraport.com/p?")
    assert pairs(url) == [
        ("order_id", "DEMO-1"),
        ("email", "jane+x@example.com"),
        ("tax", "2.06"),
        ("tax_city", "Austin"),
        ("tax_state", "TX"),
        ("shipping_amt", "6.46"),
        ("item_id_1", "BONE"),
        ("item_price_1", "9.99"),
        ("item_quantity_1", "2"),
        ("item_id_2", "LEASH & co"),
        ("item_price_2", "5.00"),
        ("item_quantity_2", "1"),
    ]


def test_prices_add_up_to_the_order():
    told = dict(pairs(sale_url(HOST, PARAMETERS, sale())))
    items = sum(Decimal(told[f"item_price_{n}"]) * int(told[f"item_quantity_{n}"]) for n in (1, 2))
    assert items + Decimal(told["tax"]) + Decimal(told["shipping_amt"]) == Decimal("33.50")


def test_values_are_encoded_and_the_image_is_escaped():
    hostile = PixelSale([PixelItem('"><script>', Decimal(1), 1)], {"email": "a&b=c\"<'@example.com"})
    html = image(sale_url(HOST, PARAMETERS, hostile))
    assert html.count("<") == 1
    assert html.count('"') == 10
    assert "&amp;item_id_1=%22%3E%3Cscript%3E" in html


def test_the_partner_alone_is_credited_with_order_zero():
    assert affiliate_url(HOST, "jane+x@example.com") == (
        "https://demo.ontraport.com/p?aff_only=1&order_id=0&email=jane%2Bx%40example.com"
    )


def test_parameters_are_the_merchants():
    pixel = read_pixel(
        "p", {"parameters": {"sku{n}": "item_id", "item_id_{n}": "", "tax": "", "mail": "email"}}
    )
    told = dict(pairs(sale_url(HOST, pixel.parameters, sale())))
    assert (told["sku1"], told["sku2"], told["mail"]) == ("BONE", "LEASH & co", "jane+x@example.com")
    assert not {"item_id_1", "tax"} & set(told)


def test_the_receipt_repeats_what_belongs_to_an_item():
    pixel = read_pixel("p", {"items_begin": "[loop]", "items_end": "[/loop]", "tokens": {"email": "[Email]"}})
    html = receipt_html(HOST, pixel, "pixel")
    assert '<span data-name="order_id">[order]</span>' in html
    assert '<span data-name="email">[Email]</span>' in html
    assert '<span data-name="tax" data-number>[tax]</span>' in html
    loop = html[html.index("[loop]") : html.index("[/loop]")]
    assert re.findall(r'data-name="([^"]+)"', loop) == ["item_id_{n}", "item_price_{n}", "item_quantity_{n}"]
    assert json.dumps(HOST) in html


def test_the_receipt_of_both_tells_only_who_bought():
    html = receipt_html(HOST, Pixel(), "both")
    assert re.findall(r'data-name="([^"]+)"', html) == ["email"]
    assert '[["aff_only", "1"], ["order_id", "0"]]' in html


def test_nothing_in_the_receipt_ends_the_script():
    html = receipt_html("</script><b>", Pixel(), "pixel")
    assert html.count("</script>") == 1
    assert "\\u003c/script\\u003e" in html


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"auto_order": {"original_order_id": "DEMO-1"}}, True),
        ({"auto_order": {"original_order_id": "DEMO-0"}}, False),
        ({"auto_order": {}}, True),
        ({"channel_partner": {"channel_partner_code": "PHONE"}}, False),
        ({"channel_partner": {}}, True),
    ],
)
def test_who_had_a_receipt(more, expected):
    assert had_receipt(load_order({**ORDER, **more})) is expected


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"themes": {"default": "https://demo.ontraport.com"}}, "themes.default"),
        ({"themes": {"default": 'x"y'}}, "themes.default"),
        ({"themes": []}, "themes"),
        ({"parameters": {"a b": "email"}}, "'a b'"),
        ({"parameters": {"x": "color"}}, "color"),
        ({"parameters": {"x": "item_id"}}, "{n}"),
        ({"parameters": {"x{n}": "email"}}, "{n}"),
        ({"tokens": {"color": "[c]"}}, "color"),
        ({"colour": {}}, "colour"),
        ([], "table"),
    ],
)
def test_wrong_settings_are_named(table, word):
    with pytest.raises(SettingsError, match=re.escape(word)):
        read_pixel("merchants.DEMO.pixel", table)


def test_method_and_themes_come_from_the_settings(tmp_path):
    config = tmp_path / "relay.toml"
    config.write_text(
        'ontraport_method = "both"\n[merchants.A.pixel.themes]\ndefault = "a.ontraport.com"\n'
        '[merchants.B]\nontraport_method = "pixel"\n'
    )
    merchants = load_settings({"RELAY_CONFIG": str(config)}, tmp_path / ".env").merchants
    assert merchants["A"].method == "both"
    assert merchants["A"].pixel.themes == {"default": "a.ontraport.com"}
    assert merchants["B"].method == "pixel"
    with pytest.raises(SettingsError, match="ONTRAPORT_METHOD"):
        load_settings({"ONTRAPORT_METHOD": "magic"}, tmp_path / ".env")


def test_the_example_shows_the_pixel(tmp_path):
    secrets = {f"{shop}_{name}": "x" for shop in ("DEMO", "ACME") for name in (
        "WEBHOOK_PASSWORD", "ULTRACART_KEY", "ONTRAPORT_APP_ID", "ONTRAPORT_API_KEY",
    )}  # fmt: skip
    merchants = load_settings({"RELAY_CONFIG": "relay.example.toml", **secrets}, tmp_path / ".env").merchants
    acme = merchants["ACME"]
    assert (acme.method, merchants["DEMO"].method) == ("both", "api")
    assert acme.pixel.themes == {"default": "acme.ontraport.com", "wholesale": "acme-wholesale.ontraport.com"}
    assert "tax_county" not in acme.pixel.parameters

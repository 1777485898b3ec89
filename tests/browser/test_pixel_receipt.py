"""The receipt's script in a real browser: what it asks ONTRAPORT for once the shop has filled it in."""

import html
import os
import re
import shutil
import subprocess
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.ontraport.receipts import receipt_html
from app.settings import Pixel

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="Chromium is not installed"),
]

# Instead of asking for the image, its address is written where the test can read it.
SPY = """<!doctype html><meta charset="utf-8"><body><script>
window.Image = function () {
  Object.defineProperty(this, "src", {set: function (url) { document.body.setAttribute("data-url", url); }});
};
</script>
"""


def asked(receipt, tmp_path):
    """Where the browser would send the image's request."""
    page = tmp_path / "receipt.html"
    page.write_text(SPY + receipt)
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'data-url="([^"]*)"', done.stdout)
    assert found, done.stdout
    return html.unescape(found[1])


def filled(receipt, **values):
    for token, value in values.items():
        receipt = receipt.replace(f"[{token}]", html.escape(value))
    return receipt


def test_a_whole_sale_with_two_items(tmp_path):
    pixel = Pixel(items_begin="<!--loop-->", items_end="<!--end-->")
    receipt = receipt_html("demo.ontraport.com", pixel, "pixel")
    start, rest = receipt.split("<!--loop-->")
    loop, end = rest.split("<!--end-->")
    first = filled(loop, item_id="BONE", item_price="$1,009.99", item_quantity="2")
    second = filled(loop, item_id="A & B", item_price="5.00", item_quantity="1")
    receipt = filled(start + first + second + end, order="DEMO-1", email="jane+x@example.com", tax="2.06")
    url = asked(receipt, tmp_path)
    assert url.startswith("https://demo.ontraport.com/p?")
    assert parse_qsl(urlsplit(url).query) == [
        ("order_id", "DEMO-1"),
        ("email", "jane+x@example.com"),
        ("tax", "2.06"),
        ("item_id_1", "BONE"),
        ("item_price_1", "1009.99"),
        ("item_quantity_1", "2"),
        ("item_id_2", "A & B"),
        ("item_price_2", "5.00"),
        ("item_quantity_2", "1"),
    ]


def test_only_who_bought(tmp_path):
    receipt = filled(receipt_html("demo.ontraport.com", Pixel(), "both"), email="o'neil&co@example.com")
    url = asked(receipt, tmp_path)
    assert parse_qsl(urlsplit(url).query) == [
        ("aff_only", "1"),
        ("order_id", "0"),
        ("email", "o'neil&co@example.com"),
    ]

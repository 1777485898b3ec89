"""`relay pixel`: ONTRAPORT's Partner Tracking Pixel for the shop's receipt; for app.cli.main only."""

import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import click

from app.cli.delivery import choose_merchant
from app.errors import SettingsError
from app.events import Skipped
from app.ontraport.pixel import affiliate_url, image, sale_of, sale_url
from app.ontraport.receipts import receipt_hosts, receipt_html, receipt_page
from app.relay.sales import plan_sale
from app.settings import Merchant, load_settings
from app.settings_pixel import METHODS
from app.ultracart.careful import Refused, read
from app.ultracart.parse import read_payload
from app.ultracart.schemas import load_order


@click.command()
@click.option("--theme", default="", help="Only for this storefront theme.")
@click.option("--merchant", default="", metavar="ID", help="Needed when there are several.")
@click.option("--method", type=click.Choice(METHODS[1:]), help="Instead of ONTRAPORT_METHOD.")
@click.option("--order", type=click.File("rb"), help="An order's JSON: print the image of this one order.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of HTML.")
def pixel(theme: str, merchant: str, method: str | None, order: BinaryIO | None, as_json: bool) -> None:
    """Print what to put onto the receipt of each storefront theme in UltraCart.

    `pixel` tells ONTRAPORT of the whole sale; `both` only who bought, for the partner's credit, while the
    sale goes by API.
    """
    chosen = choose_merchant(load_settings(os.environ), merchant)
    method = method or chosen.method
    hosts = receipt_hosts(chosen, method, theme)
    document = _order(order.read()) if order else None
    printed = {
        name: _image(host, chosen, method, document) if document else receipt_html(host, chosen.pixel, method)
        for name, host in hosts.items()
    }
    if as_json:
        click.echo(json.dumps({"merchant": chosen.id, "method": method, "themes": printed}))
        return
    click.echo(receipt_page(printed))


def _order(text: bytes) -> Mapping[str, Any]:
    """An order as UltraCart's REST gives it, alone or under `order`."""
    try:
        read(text)
    except Refused as refusal:
        raise click.UsageError(f"the order cannot be read: {refusal}") from refusal
    document = read_payload(text)
    found = document.get("order", document) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise click.UsageError("the file holds no order")
    return found


def _image(host: str, merchant: Merchant, method: str, document: Mapping[str, Any]) -> str:
    order, plan = load_order(document), plan_sale("order_create", document, merchant.rules, None)
    if isinstance(plan, Skipped):
        raise SettingsError(f"no pixel for this order: {plan.reason}")
    if method == "both":
        return image(affiliate_url(host, plan.contact.email))
    return image(sale_url(host, merchant.pixel.parameters, sale_of(order, plan)))

"""`relay map`: which ONTRAPORT product an item of the shop is; for app.cli.main only."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from app.cli.calls import CommandCall
from app.cli.delivery import choose_merchant
from app.cli.mapping_report import Finding, findings, mapping_of
from app.cli.store import open_services
from app.errors import DeliveryFailure
from app.services import Services
from app.settings import Merchant

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
_MERCHANT = click.option("--merchant", default="", metavar="ID", help="Needed when there are several.")


@click.group("map")
def mapping() -> None:
    """Show and change which ONTRAPORT product an item of the shop is.

    What is set here goes before the settings file; without either, the product is called as the item is.
    """


@mapping.command("list")
@_MERCHANT
@_JSON
def list_mapping(merchant: str, as_json: bool) -> None:
    """List every item with its product."""
    services, chosen = _open(merchant)
    rows = mapping_of(services, chosen)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    table = Table()
    for column in ("item", "product", "from", "product id"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row.item_id, row.product_name, row.origin, row.product_id or "-")
    Console().print(table)


@mapping.command("set")
@click.argument("item_id", metavar="ITEM")
@click.argument("product", metavar="PRODUCT")
@click.option("--id", "product_id", default="", help="The product's id in ONTRAPORT, instead of a look-up.")
@_MERCHANT
@_JSON
def set_product(item_id: str, product: str, product_id: str, merchant: str, as_json: bool) -> None:
    """Say that ITEM of the shop is the product called PRODUCT in ONTRAPORT.

    Sales from now on take it. If there is no such product yet, the one that the relay made for ITEM takes
    the name at first use, or else a product is made.
    """
    services, chosen = _open(merchant)
    _check(item_id.strip(), product.strip(), product_id)
    found, remark = (product_id, "") if product_id else _look_up(services, chosen, product.strip())
    services.product_map.set(
        chosen.account, chosen.id, item_id.strip(), product.strip(), found, by_hand=bool(product_id)
    )
    if as_json:
        click.echo(json.dumps({"item_id": item_id, "product_name": product, "product_id": found}))
    else:
        click.echo(f"{item_id} is now {product!r}, {f'product {found}' if found else remark}")


@mapping.command("unset")
@click.argument("item_id", metavar="ITEM")
@_MERCHANT
@_JSON
def unset_product(item_id: str, merchant: str, as_json: bool) -> None:
    """Forget what was set for ITEM: the settings file counts again, or else the item's own id."""
    services, chosen = _open(merchant)
    known = services.product_map.unset(chosen.account, chosen.id, item_id)
    name = chosen.rules.products.get(item_id, item_id)
    if as_json:
        click.echo(json.dumps({"item_id": item_id, "was_set": known, "product_name": name}))
    else:
        click.echo(f"{item_id} is {name!r} again" if known else f"nothing was set for {item_id}")
    sys.exit(0 if known else 1)


@mapping.command()
@_MERCHANT
@_JSON
def report(merchant: str, as_json: bool) -> None:
    """Show what conflicts and what is unmapped. Ends with 1 when two items are sold as one product."""
    services, chosen = _open(merchant)
    found = findings(mapping_of(services, chosen), services.catalogue.read(chosen.id))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        _show(found)
    sys.exit(1 if any(one.wrong for one in found) else 0)


def _open(merchant: str) -> tuple[Services, Merchant]:
    services = open_services()
    return services, choose_merchant(services.settings, merchant)


def _check(item_id: str, product: str, product_id: str) -> None:
    if not item_id or not product:
        raise click.UsageError("an item's id and a product's name are needed")
    if product_id and not (product_id.isascii() and product_id.isdecimal()):
        raise click.UsageError("--id is a number, as ONTRAPORT shows it in the product's address")


def _look_up(services: Services, merchant: Merchant, name: str) -> tuple[str, str]:
    """The id of the product that bears the name; else '' and what becomes of it."""
    try:
        found = services.ontraport[merchant.account].find_product_by_name(name, CommandCall())
    except DeliveryFailure as failure:
        return "", f"which is looked for at first use (ONTRAPORT was asked in vain: {failure.reason})"
    words = "a name that ONTRAPORT does not know yet: the item's product is renamed, or made, at first use"
    return found or "", words


def _show(found: Sequence[Finding]) -> None:
    if not found:
        click.echo("every item is mapped, and no two are one product")
        return
    table = Table()
    for column in ("", "items", "what"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row("wrong" if one.wrong else one.kind, ", ".join(one.items), one.text)
    Console().print(table)

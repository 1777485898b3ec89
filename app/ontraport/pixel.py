"""ONTRAPORT's Partner Tracking Pixel: the address for one sale; pure.

The visitor's browser asks for it, since the partner's cookie is there; the relay itself never does.
https://ontraport.com/support/partner-programs/track-partners
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from urllib.parse import urlencode

from app.ontraport.receipts import AFFILIATE_ONLY
from app.relay.lines import SHIPPING, TAX
from app.relay.sales import SalePlan
from app.settings_pixel import ITEM_VALUES
from app.ultracart.schemas import Order

OWN = "ultracart-relay-"


@dataclass(frozen=True, slots=True)
class PixelItem:
    """One product: `price` of one."""

    item_id: str
    price: Decimal
    quantity: int


@dataclass(frozen=True, slots=True)
class PixelSale:
    """What the pixel tells of one sale, by the words of `VALUES`; '' is not told."""

    items: Sequence[PixelItem]
    values: Mapping[str, str]


def sale_of(order: Order, plan: SalePlan) -> PixelSale:
    """A sale as the pixel tells it: the same lines that the API would log."""
    totals = {line.item_id: line.price * line.quantity for line in plan.lines}
    goods = [line for line in plan.lines if not line.item_id.startswith(OWN)]
    billing = order.billing
    return PixelSale(
        items=[PixelItem(line.item_id, line.price, line.quantity) for line in goods],
        values={
            "order_id": plan.order_id,
            "email": plan.contact.email,
            "tax": _money(totals.get(TAX)),
            "tax_city": (billing.city if billing and TAX in totals else None) or "",
            "tax_state": (billing.state_region if billing and TAX in totals else None) or "",
            "shipping": _money(totals.get(SHIPPING)),
        },
    )


def sale_url(host: str, parameters: Mapping[str, str], sale: PixelSale) -> str:
    """The address that tells of a whole sale, items numbered from 1."""
    return _url(host, _pairs(parameters, sale))


def affiliate_url(host: str, email: str) -> str:
    """The address that tells only who bought, for the partner's credit."""
    return _url(host, [*AFFILIATE_ONLY, ("email", email)])


def image(url: str) -> str:
    """The address as an invisible image."""
    return f'<img src="{escape(url)}" width="1" height="1" alt="" style="display:none">'


def had_receipt(order: Order) -> bool:
    """Whether a buyer saw a receipt of it, so that the pixel has told of it.

    A rebill is made by the shop alone, and an imported order by another system.
    """
    original = order.auto_order.original_order_id if order.auto_order else None
    imported = bool(order.channel_partner and order.channel_partner.channel_partner_code)
    return not imported and original in (None, "", order.order_id)


def _pairs(parameters: Mapping[str, str], sale: PixelSale) -> Iterator[tuple[str, str]]:
    once = [(name, value) for name, value in parameters.items() if value not in ITEM_VALUES]
    yield from ((name, sale.values[value]) for name, value in once if sale.values.get(value))
    repeated = [(name, value) for name, value in parameters.items() if value in ITEM_VALUES]
    for number, item in enumerate(sale.items, 1):
        told = dict(zip(ITEM_VALUES, (item.item_id, _money(item.price), str(item.quantity)), strict=True))
        yield from ((name.replace("{n}", str(number)), told[value]) for name, value in repeated)


def _url(host: str, pairs: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    return f"https://{host}/p?{urlencode(list(pairs))}"


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"

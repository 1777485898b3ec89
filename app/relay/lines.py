"""An order's lines as ONTRAPORT products whose prices add up to the order's total; for app.relay alone.

ONTRAPORT refuses quantity 0 and takes neither negative prices nor, over its API, usable discounts and
taxes: discounts are in the prices; shipping, tax and surcharge are products of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.relay.kits import components, line_total, revenue_items, value_of
from app.relay.money import amount, apportion, cents
from app.relay.refusals import unclear
from app.settings import MappingRules
from app.ultracart.schemas import Currency, Order, OrderItem

# Longer than the 20 letters of UltraCart's item ids, so that no item can have the same.
SHIPPING = "ultracart-relay-shipping"
TAX = "ultracart-relay-sales-tax"
SURCHARGE = "ultracart-relay-surcharge"
ADJUSTMENT = "ultracart-relay-adjustment"


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One product of a logged sale: `price` of one, with two decimals, never negative; `quantity` from 1.

    `list_price` is what one costs in the shop, for a product that has to be made; None where there is none.
    """

    item_id: str
    product_name: str
    price: Decimal
    quantity: int
    description: str = ""
    list_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What a line costs altogether, in cents; a fraction of a cent is possible before it is made to fit."""

    item_id: str
    product_name: str
    cents: Decimal
    quantity: Decimal = Decimal(1)
    description: str = ""
    list_price: Decimal | None = None


def sale_lines(order: Order, total: Decimal, rules: MappingRules) -> tuple[tuple[SaleLine, ...], list[str]]:
    """The lines of a sale, Σ price * quantity = `total` to the cent, and remarks for the log.

    What the items do not explain becomes an `Adjustment` line where it is missing, and is taken from
    the items' prices in proportion where it is too much (gift certificates, discounts of the whole order).
    """
    items = [_item_part(item, order, rules) for item in revenue_items(order.items or ())]
    goods = [part for part in items if part.cents >= 0]
    shared = _fit(goods, _extras(order, goods, cents(total), rules), cents(total))
    remarks = [
        f"{part.product_name} of {amount(cents(part.cents / 100))} is in the prices"
        for part in items
        if part.cents < 0
    ]
    remarks += [
        f"{_plain(part.quantity)} x {part.product_name} logged as 1 at {amount(share)}"
        for part, share in shared
        if part.quantity != _quantity(part, share)
    ]
    return tuple(_line(part, share) for part, share in shared), _kit_remarks(order) + remarks


def _item_part(item: OrderItem, order: Order, rules: MappingRules) -> _Part:
    if not item.merchant_item_id:
        raise unclear(order, "holds an item without an id (merchant_item_id)", field="merchant_item_id")
    return _Part(
        item_id=item.merchant_item_id,
        product_name=rules.products.get(item.merchant_item_id, item.merchant_item_id),
        cents=line_total(item) * 100,
        quantity=Decimal(1) if not item.quantity else item.quantity,
        description=item.description or "",
        list_price=_list_price(item),
    )


def _list_price(item: OrderItem) -> Decimal | None:
    cost = value_of(item.cost)
    return None if cost is None or cost < 0 else amount(cents(cost))


def _extras(order: Order, goods: Sequence[_Part], total: int, rules: MappingRules) -> list[_Part]:
    """Shipping, tax and surcharge in the reading of the summary that adds up to the total.

    UltraCart does not say whether the shipping's total is before its discount, nor whether the
    total holds the surcharge: the first reading that explains the total is taken, else the first.
    """
    shipping, surcharge = _shipping(order), _cents(order.payment.surcharge if order.payment else None)
    tax = _cents(order.summary.tax if order.summary else None)
    known = sum(cents(part.cents / 100) for part in goods) + tax
    readings = [(net, extra) for extra in (surcharge, 0) for net in shipping]
    explaining = (reading for reading in readings if known + sum(reading) == total)
    shipped, charged = next(explaining, readings[0])
    parts = (
        _Part(SHIPPING, rules.shipping_product, Decimal(shipped)),
        _Part(TAX, rules.tax_product, Decimal(tax)),
        _Part(SURCHARGE, rules.surcharge_product, Decimal(charged)),
    )
    return [part for part in parts if part.cents > 0]


def _shipping(order: Order) -> tuple[int, int]:
    """Shipping and handling less its discount, and as it stands."""
    if order.summary is None:
        return 0, 0
    full = _cents(order.summary.shipping_handling_total)
    return max(0, full - _cents(order.summary.shipping_handling_total_discount)), full


def _cents(money: Currency | None) -> int:
    return max(0, cents(value_of(money) or Decimal(0)))


def _fit(goods: Sequence[_Part], extras: Sequence[_Part], total: int) -> list[tuple[_Part, int]]:
    """Each part with its share of the total, in cents; nothing is negative and nothing is left over."""
    fixed = [int(part.cents) for part in extras]
    target = total - sum(fixed)
    missing = target - sum(cents(part.cents / 100) for part in goods)
    if target < 0:
        shares = apportion(total, [part.cents for part in extras])
        return [(part, 0) for part in goods] + list(zip(extras, shares, strict=True))
    if missing > len(goods) or not any(part.cents for part in goods):
        adjustment = [_Part(ADJUSTMENT, "Adjustment", Decimal(missing))] if missing else []
        whole = [(part, cents(part.cents / 100)) for part in [*goods, *adjustment]]
        return whole + list(zip(extras, fixed, strict=True))
    shares = apportion(target, [part.cents for part in goods])
    return list(zip([*goods, *extras], [*shares, *fixed], strict=True))


def _quantity(part: _Part, share: int) -> int:
    """The part's quantity where it is whole and divides the share, else 1."""
    whole = part.quantity == part.quantity.to_integral_value() and part.quantity >= 1
    return int(part.quantity) if whole and share % int(part.quantity) == 0 else 1


def _line(part: _Part, share: int) -> SaleLine:
    quantity = _quantity(part, share)
    return SaleLine(
        part.item_id,
        part.product_name,
        amount(share // quantity),
        quantity,
        part.description,
        part.list_price,
    )


def _kit_remarks(order: Order) -> list[str]:
    return [
        f"{kit} is a kit of "
        + ", ".join(f"{_plain(part.quantity or Decimal(1))} x {part.merchant_item_id}" for part in parts)
        for kit, parts in components(order.items or ()).items()
    ]


def _plain(number: Decimal) -> str:
    """1.5 for 1.50, 100 for 1E+2."""
    return f"{number.normalize():f}"

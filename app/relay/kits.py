"""Which lines of an order carry its revenue: a kit or its components, never both; for app.relay alone."""

from collections.abc import Sequence
from decimal import Decimal

from app.ultracart.schemas import Currency, OrderItem


def value_of(money: Currency | None) -> Decimal | None:
    """An amount in base currency; None when it is absent."""
    return money.value if money else None


def line_total(item: OrderItem) -> Decimal:
    """What a line costs after its discounts, in base currency."""
    told = value_of(item.total_cost_with_discount)
    if told is not None:
        return told
    unit = value_of(item.unit_cost_with_discount)
    unit = value_of(item.cost) if unit is None else unit
    quantity = Decimal(1) if item.quantity is None else item.quantity
    return (unit or Decimal(0)) * quantity


def revenue_items(items: Sequence[OrderItem]) -> list[OrderItem]:
    """The lines to sell, in their order: a kit that has a price stands for its components.

    A kit without a price is sold as its priced components. A line of quantity 0 that costs nothing is none.
    """
    roots = _roots(items)
    priced_roots = {root for root in roots if line_total(items[root])}
    families_priced_below = {
        root
        for index, root in enumerate(roots)
        if index != root and root not in priced_roots and line_total(items[index])
    }
    kept = []
    for index, (item, root) in enumerate(zip(items, roots, strict=True)):
        stands = (index == root) != (root in families_priced_below)
        if stands and (line_total(item) or (index == root and item.quantity != 0)):
            kept.append(item)
    return kept


def components(items: Sequence[OrderItem]) -> dict[str, list[OrderItem]]:
    """The components of each kit, by the kit's item id."""
    found: dict[str, list[OrderItem]] = {}
    for index, root in enumerate(_roots(items)):
        if index != root:
            found.setdefault(items[root].merchant_item_id or "", []).append(items[index])
    return found


def _roots(items: Sequence[OrderItem]) -> list[int]:
    """For every line the position of the outermost kit that it is a part of; its own when of none."""
    parents = _parents(items)
    return [_root(index, parents) for index in range(len(items))]


def _root(index: int, parents: Sequence[int | None]) -> int:
    seen = [index]
    while (parent := parents[seen[-1]]) is not None:
        if parent in seen:
            return index
        seen.append(parent)
    return seen[-1]


def _parents(items: Sequence[OrderItem]) -> list[int | None]:
    by_index = {item.item_index: index for index, item in enumerate(items)}
    by_id = {item.merchant_item_id: index for index, item in reversed(list(enumerate(items)))}
    parents: list[int | None] = []
    last_kit = None
    for index, item in enumerate(items):
        if item.kit and not item.kit_component:
            last_kit = index
        parent = None
        if item.parent_item_index is not None:
            parent = by_index.get(item.parent_item_index)
        elif item.parent_merchant_item_id:
            parent = by_id.get(item.parent_merchant_item_id)
        elif item.kit_component:
            parent = last_kit
        parents.append(None if parent == index else parent)
    return parents

"""The catalogue as ONTRAPORT products: the mapped one is kept in step, a missing one is made."""

from decimal import Decimal

from app.delivery.attempt import Attempt
from app.delivery.contacts import group_hash
from app.delivery.products import with_products
from app.relay.items import ItemPlan
from app.relay.lines import SaleLine

ZERO = Decimal(0)


def write_product(attempt: Attempt, plan: ItemPlan) -> str:
    """The product id of an item, its name, price and description brought up to date. Never deletes.

    A product that was deleted in ONTRAPORT is looked for by name, or made again.
    """
    line = SaleLine(plan.item_id, plan.product_name, plan.price or ZERO, 1, plan.description)
    return with_products(attempt, [line], lambda products: _write(attempt, plan, products[plan.item_id]))


def _write(attempt: Attempt, plan: ItemPlan, product_id: str) -> str:
    fields = {"name": plan.product_name, "description": plan.description}
    if plan.price is not None:
        fields["price"] = f"{plan.price:.2f}"
    filled = {name: value for name, value in fields.items() if value}
    written = group_hash({**filled, "product": product_id})
    if attempt.transmission.ledger.get("x:written") == written:
        return product_id
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.update_product(product_id, filled, call))
    attempt.complete([(attempt.row, "x:written", written), (attempt.row, "x:product", product_id)])
    return product_id

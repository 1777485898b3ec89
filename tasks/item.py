"""A catalogue item as an ONTRAPORT product: found or made, and kept in step; never deleted there."""

from app.delivery.attempt import Attempt
from app.delivery.catalogue import write_product
from app.events import Delivered, Outcome, Skipped
from app.relay.items import plan_item


def deliver(attempt: Attempt) -> Outcome:
    """Writes the product of one item."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_item(transmission.event_name, transmission.payload, rules)
    if isinstance(plan, Skipped):
        return plan
    product_id = write_product(attempt, plan)
    return Delivered(f"product {product_id}: {plan.product_name}")

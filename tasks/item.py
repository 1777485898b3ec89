"""A catalogue item as an ONTRAPORT product: found or made, and kept in step; never deleted there."""

from app.delivery.attempt import Attempt
from app.delivery.catalogue import write_product
from app.events import Delivered, Outcome, Skipped
from app.relay.items import plan_item
from tasks.catalogue_notes import note_event


def deliver(attempt: Attempt) -> Outcome:
    """Writes the product of one item."""
    transmission = attempt.transmission
    note_event(attempt.services, transmission.merchant_id, transmission.event_name, transmission.payload)
    rules = attempt.services.rules(transmission.account)
    plan = plan_item(transmission.event_name, transmission.payload, rules)
    if isinstance(plan, Skipped):
        return plan
    if plan.deleted:
        return Skipped("deleted in the shop: marked so in the catalogue, its product stays in ONTRAPORT")
    product_id = write_product(attempt, plan)
    return Delivered(f"product {product_id}: {plan.product_name}")

"""The status of an auto order on its customer's contact: one of six words, never an older one over a newer."""

from dataclasses import replace

from app.delivery.attempt import Attempt
from app.delivery.contacts import write_contact
from app.delivery.custom_fields import custom_values
from app.delivery.notes import write_note
from app.delivery.tags import write_tags
from app.events import Delivered, Outcome, Skipped
from app.relay.auto_orders import plan_auto_order

FIELD = "Auto Order Status"


def deliver(attempt: Attempt) -> Outcome:
    """Writes the status field; a later change of another auto order of the same contact stands."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_auto_order(transmission.event_name, transmission.payload, rules)
    if isinstance(plan, Skipped):
        return plan
    values = custom_values(attempt, {FIELD: plan.word})
    contact = write_contact(attempt, replace(plan.contact, groups={"auto_order_status": values}))
    tag = rules.auto_order_tags.get(plan.word)
    write_tags(attempt, contact.id, [tag] if tag else [])
    if rules.auto_order_note and plan.note:
        write_note(attempt, contact.id, plan.note)
    return Delivered(f"contact {contact.id}: {plan.word}")

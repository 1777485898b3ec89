"""A shipped or rejected order on the contact: the tag, the note and the field that the merchant chose."""

from dataclasses import replace

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact, with_contact
from app.delivery.custom_fields import custom_values
from app.delivery.notes import write_note_once
from app.delivery.shop import newest_order
from app.delivery.tags import write_tags
from app.events import Delivered, Outcome, Skipped
from app.relay.order_statuses import OrderStatusPlan, plan_order_status


def deliver(attempt: Attempt) -> Outcome:
    """Does what is configured for this status; nothing configured is skipped with that reason."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_order_status(transmission.event_name, transmission.payload, rules)
    if isinstance(plan, OrderStatusPlan) and transmission.tied:
        plan = plan_order_status(transmission.event_name, newest_order(attempt), rules)
    if isinstance(plan, Skipped):
        return plan
    groups = dict(plan.contact.groups)
    if plan.fields:
        groups["order_status"] = custom_values(attempt, plan.fields)
    # The status is as old as the snapshot that tells it, the address is older.
    contact = replace(plan.contact, groups=groups, dated={"order_status": plan.contact.seen})
    return with_contact(attempt, contact, lambda found: _tell(attempt, plan, found))


def _tell(attempt: Attempt, plan: OrderStatusPlan, contact: Contact) -> Outcome:
    write_tags(attempt, contact.id, plan.tags)
    if plan.note:
        write_note_once(attempt, contact.id, plan.note, plan.contact.version)
    return Delivered(f"contact {contact.id}: {plan.status}")

"""An affiliate as a contact, with AffiliateId and Affiliate Approved; so that sales can be credited to it."""

from dataclasses import replace

from app.delivery.attempt import Attempt
from app.delivery.contacts import write_contact
from app.delivery.custom_fields import custom_values
from app.events import Delivered, Outcome, Skipped
from app.relay.affiliates import plan_affiliate


def deliver(attempt: Attempt) -> Outcome:
    """Writes the affiliate's contact and remembers it under the affiliate's id."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_affiliate(transmission.payload, rules)
    if isinstance(plan, Skipped):
        return plan
    values = custom_values(attempt, {"AffiliateId": plan.oid, "Affiliate Approved": str(plan.approved)})
    if plan.program_id:
        values["program_id"] = plan.program_id
    contact = write_contact(
        attempt, replace(plan.contact, groups={**plan.contact.groups, "affiliate": values})
    )
    attempt.complete([(attempt.row, "x:contact", contact.id)])
    return Delivered(f"contact {contact.id}: affiliate {plan.oid}, approved {plan.approved}")

"""A customer's data on the contact: the newest wins, what did not change costs nothing."""

from app.delivery.attempt import Attempt
from app.delivery.contacts import write_contact
from app.delivery.shop import newest_customer
from app.events import Delivered, Outcome, Skipped
from app.relay.contacts import ContactPlan
from app.relay.customers import plan_customer


def deliver(attempt: Attempt) -> Outcome:
    """Writes the contact; a changed e-mail changes the known contact instead of making a second one."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_customer(transmission.payload, rules)
    if isinstance(plan, ContactPlan) and transmission.tied:
        plan = plan_customer(newest_customer(attempt), rules)
    if isinstance(plan, Skipped):
        return plan
    contact = write_contact(attempt, plan)
    return Delivered(f"contact {contact.id}")

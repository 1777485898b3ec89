"""A sale: contact, referrer, products, one logged transaction, tags."""

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact, forget_contact, write_contact
from app.delivery.logged_sales import log_sale
from app.delivery.products import product_ids
from app.delivery.referrers import write_referrer
from app.delivery.tags import write_tags
from app.errors import DeliveryFailure, FailureClass
from app.events import Delivered, Outcome, Skipped
from app.relay.sales import SalePlan, plan_sale


def deliver(attempt: Attempt) -> Outcome:
    """Brings one paid order to ONTRAPORT as one logged sale; resumes at the step that failed."""
    transmission, services = attempt.transmission, attempt.services
    merchant = services.accounts[transmission.account]
    plan = plan_sale(
        transmission.event_name,
        transmission.payload,
        merchant.rules,
        services.live_since[transmission.account],
    )
    if isinstance(plan, Skipped):
        return plan
    contact_id, invoice = transmission.ledger.get("x:contact"), transmission.ledger.get("x:sale")
    if not contact_id or not invoice:
        contact_id, invoice = _sell(attempt, plan)
    write_tags(attempt, contact_id, plan.tags)
    return Delivered(f"contact {contact_id}, invoice {invoice}")


def _sell(attempt: Attempt, plan: SalePlan) -> tuple[str, str]:
    contact = write_contact(attempt, plan.contact)
    try:
        return contact.id, _log(attempt, plan, contact)
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.GONE:
            raise
        # Merged or deleted in ONTRAPORT: resolved once, by e-mail.
        forget_contact(attempt, contact)
    contact = write_contact(attempt, plan.contact)
    return contact.id, _log(attempt, plan, contact)


def _log(attempt: Attempt, plan: SalePlan, contact: Contact) -> str:
    write_referrer(attempt, contact, plan.affiliate_id)
    return log_sale(attempt, plan, contact, product_ids(attempt, plan.lines))

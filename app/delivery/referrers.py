"""Who brought a sale: credited where ONTRAPORT knows the affiliate, else noted on the buyer's contact."""

from dataclasses import replace

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact
from app.delivery.custom_fields import custom_values
from app.errors import DeliveryFailure, FailureClass
from app.relay.contacts import ContactPlan
from app.store.ledger import Ledger

GROUP = "referrer"
# What only a person can put right must not hold back the sale.
NEEDS_A_PERSON = frozenset({FailureClass.PERMISSION, FailureClass.INVALID, FailureClass.MAPPING})


def partner_of(attempt: Attempt, affiliate_id: str | None) -> str:
    """The contact of UltraCart's affiliate; '' when our ledger has none: its id is not ONTRAPORT's."""
    if not affiliate_id:
        return ""
    row = Ledger.row(attempt.transmission.account, f"affiliate:{affiliate_id}")
    return attempt.services.ledger.read(row).get("x:contact", "")


def with_stranger(attempt: Attempt, plan: ContactPlan, affiliate_id: str) -> ContactPlan:
    """The contact with the number of an affiliate who cannot be credited, in the field that is set for it.

    It costs no request of its own. A field that cannot be made is left out, and the log says so.
    """
    name = attempt.services.accounts[attempt.transmission.account].rules.referrer_field
    if not name:
        return plan
    try:
        values = custom_values(attempt, {name: affiliate_id})
    except DeliveryFailure as failure:
        if failure.failure not in NEEDS_A_PERSON:
            raise
        attempt.complete()
        attempt.remark = f"affiliate {affiliate_id} is not noted: {failure.reason}"
        return plan
    return replace(plan, groups={**plan.groups, GROUP: values})


def credit(attempt: Attempt, contact: Contact, partner: str) -> None:
    """Sets `lreferrer` before the sale is logged, or the wrong one is credited."""
    if not partner or contact.fields.get("lref") == partner:
        return
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.update_contact(contact.id, {"lreferrer": partner}, call))
    attempt.complete([(contact.row, "lref", partner)])

"""Who is credited for a sale: the last referrer is written before the sale, or the wrong one is credited."""

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact
from app.store.ledger import Ledger


def write_referrer(attempt: Attempt, contact: Contact, affiliate_id: str | None) -> None:
    """Sets `lreferrer` when the order names an affiliate whose own contact is in our ledger.

    UltraCart's affiliate id is not ONTRAPORT's: a stranger is not credited.
    """
    if not affiliate_id:
        return
    account = attempt.transmission.account
    partner = attempt.services.ledger.read(Ledger.row(account, f"affiliate:{affiliate_id}")).get("x:contact")
    if not partner or contact.fields.get("lref") == partner:
        return
    client = attempt.services.ontraport[account]
    attempt.call(lambda call: client.update_contact(contact.id, {"lreferrer": partner}, call))
    attempt.complete([(contact.row, "lref", partner)])

"""Tags on a contact, by name; adding or removing one twice changes nothing."""

from collections.abc import Sequence

from app.delivery.attempt import Attempt
from app.store.ledger import Write


def write_tags(attempt: Attempt, contact_id: str, names: Sequence[str], writes: Sequence[Write] = ()) -> None:
    """Adds the tags that a transmission asks for, all in one request; nothing when there are none."""
    if not names:
        return
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.add_tags(contact_id, list(names), call))
    attempt.complete(writes)


def remove_tags(
    attempt: Attempt, contact_id: str, names: Sequence[str], writes: Sequence[Write] = ()
) -> None:
    """Takes tags from a contact, all in one request; nothing when there are none."""
    if not names:
        return
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.remove_tags(contact_id, list(names), call))
    attempt.complete(writes)

"""Tags on a contact, by name; adding one twice changes nothing."""

from collections.abc import Sequence

from app.delivery.attempt import Attempt


def write_tags(attempt: Attempt, contact_id: str, names: Sequence[str]) -> None:
    """Adds the tags that a transmission asks for, all in one request; nothing when there are none."""
    if not names:
        return
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.add_tags(contact_id, list(names), call))
    attempt.complete()

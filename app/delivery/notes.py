"""Notes at a contact. ONTRAPORT cannot find a note again, so one of unknown outcome is not written twice."""

from collections.abc import Sequence

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass
from app.store.ledger import Write

STEP = "note"


def write_note(attempt: Attempt, contact_id: str, text: str, writes: Sequence[Write] = ()) -> bool:
    """Adds a note, at most once, and records `writes` with it; False when nobody can tell whether it stands.

    The fields and tags that go with it can be repeated and say the same, so a doubled note is the worse evil.
    """
    client = attempt.services.ontraport[attempt.transmission.account]
    if attempt.transmission.ledger.get("fs") == STEP:
        attempt.complete(writes, attempt.row)
        return False
    try:
        attempt.call(lambda call: client.add_note(contact_id, text, call), row=attempt.row, step=STEP)
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.UNKNOWN:
            attempt.announced_row = attempt.row
            raise
        attempt.complete(writes, attempt.row)
        return False
    attempt.complete(writes, attempt.row)
    return True

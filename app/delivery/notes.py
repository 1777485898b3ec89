"""Notes at a contact. ONTRAPORT cannot find a note again, so one of unknown outcome is not written twice."""

from collections.abc import Sequence

from app.delivery.attempt import Attempt
from app.delivery.doubt import in_doubt
from app.errors import DeliveryFailure, FailureClass
from app.store.ledger import Write
from app.store.records import milliseconds

STEP = "note"


def write_note(
    attempt: Attempt, contact_id: str, text: str, writes: Sequence[Write] = (), *, told_ms: int = 0
) -> bool:
    """Adds a note, at most once, and records `writes` with it; False when nobody can tell whether it stands.

    So it is with one about what the shop dates (`told_ms`, 0: undated) before the store lost writes.
    The fields and tags that go with it can be repeated and say the same, so a doubled note is the worse evil.
    Notes are announced in a row of their own: the subject's may hold the write of a dead letter in doubt.
    """
    client = attempt.services.ontraport[attempt.transmission.account]
    row = f"{attempt.row}:note"
    announced = attempt.services.ledger.read(row)
    if announced.get("fs") == STEP and announced.get("ft") == attempt.transmission.id:
        attempt.complete(writes, row)
        return False
    if in_doubt(attempt, told_ms or milliseconds(attempt.transmission.created_at)):
        attempt.complete(writes)
        return False
    try:
        attempt.call(lambda call: client.add_note(contact_id, text, call), row=row, step=STEP)
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.UNKNOWN:
            attempt.announced_row = row
            raise
        attempt.complete(writes, row)
        return False
    attempt.complete(writes, row)
    return True


def write_note_once(attempt: Attempt, contact_id: str, text: str, told_ms: int = 0) -> bool:
    """The note of a transmission that records nothing else: a worker's death after it does not double it."""
    transmission = attempt.transmission
    if transmission.ledger.get("x:noted") == transmission.id:
        return True
    return write_note(attempt, contact_id, text, [(attempt.row, "x:noted", transmission.id)], told_ms=told_ms)

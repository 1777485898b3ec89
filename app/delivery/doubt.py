"""Look-first mode at work: what may have been written by a relay whose record of it is lost."""

from app.delivery.attempt import Attempt

# The shop's clock and the store's may differ by so much.
CLOCKS_MS = 5 * 60_000


def in_doubt(attempt: Attempt, happened_ms: int) -> bool:
    """Whether what happened at the shop then (milliseconds since 1970 UTC) may stand in the CRM
    though the ledger does not know it.

    One look answers it: nothing is handed out until every call that was under way when the store lost its
    last writes has ended, and the CRM has had time to list it (SETTLING in refill.lua).
    """
    since = attempt.transmission.look_first_ms
    return since > 0 and happened_ms < since + CLOCKS_MS

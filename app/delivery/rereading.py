"""Reading what lies in quarantine again: a newer release or other settings may be able to."""

from dataclasses import dataclass

from app.delivery.intake import understand
from app.events import Admission, Unreadable
from app.services import Services
from app.store.quarantine import Unread


@dataclass(frozen=True, slots=True)
class Reread:
    """What became of one: `admission` when it was read, else why not."""

    id: str
    admission: Admission | None
    reason: str = ""


def read_again(services: Services, unread: Unread, *, actor: str) -> Reread:
    """Admits what can be read of it now, as a delivery of this moment; what cannot goes into quarantine anew.

    If nothing of it can be read it stays as it is. Idempotent: events that came in another way since are
    duplicates. Raises StoreUnavailable, InstanceMismatch.
    """
    merchant = services.settings.merchants.get(unread.merchant_id)
    if merchant is None:
        return Reread(unread.id, None, f"merchant {unread.merchant_id} is not in the settings")
    items = understand(unread.body, merchant)
    refused = [item for item in items if isinstance(item, Unreadable)]
    if items and len(refused) == len(items):
        return Reread(unread.id, None, refused[0].reason)
    admission = services.inbox.admit(items, merchant.id) if items else Admission(0, 0, 0, 0, ())
    told = f"{admission.accepted} accepted, {admission.duplicates} known, {admission.ignored} ignored"
    services.quarantine.was_read(unread.id, actor=actor, reason=f"read again: {told}")
    return Reread(unread.id, admission)

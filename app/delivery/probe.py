"""The probe of a closed gate: one cheap read within the budget of nobody's work."""

from app.delivery.attempt import Call
from app.errors import DeliveryFailure
from app.services import Services

PROBE_SECONDS = 30.0


def probe_account(services: Services, account: str) -> bool:
    """Opens the account's gate if the CRM answers a read; else keeps it closed. Raises StoreUnavailable."""
    call = Call.unrecorded(PROBE_SECONDS)
    try:
        services.ontraport[account].probe(call)
    except DeliveryFailure:
        services.gates.probe_failed(account)
        return False
    services.gates.open(account)
    return True

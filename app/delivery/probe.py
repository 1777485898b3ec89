"""The probe of a closed gate: one cheap read within the budget of nobody's work."""

from app.delivery.attempt import Call
from app.errors import DeliveryFailure, FailureClass
from app.services import Services

PROBE_SECONDS = 30.0
# No record is asked for that exists, so that a 403 is the key's as well.
KEYS_REFUSED = frozenset({FailureClass.AUTH, FailureClass.PERMISSION})


def probe_account(services: Services, account: str) -> bool:
    """Opens the account's gate if the CRM answers a read; else keeps it closed. Raises StoreUnavailable.

    Whatever it was closed for, a person is told of refused keys: a gate that the breaker closed would hide
    them.
    """
    call = Call.unrecorded(PROBE_SECONDS)
    try:
        services.ontraport[account].probe(call)
    except DeliveryFailure as failure:
        if failure.failure in KEYS_REFUSED:
            services.gates.close_for_keys(account, failure.reason)
        services.gates.probe_failed(account)
        return False
    services.gates.open(account)
    return True

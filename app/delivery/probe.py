"""Probes: one cheap read that opens a closed gate, and what a read that is refused means."""

from dataclasses import replace

from app.delivery.attempt import Call
from app.errors import DeliveryFailure, FailureClass
from app.ontraport.calls import TRANSACTIONS
from app.ontraport.client import CONTACTS, PRODUCTS, OntraportClient
from app.services import Services

PROBE_SECONDS = 30.0
# No record is asked for that exists, so that a 403 is the key's as well.
KEYS_REFUSED = frozenset({FailureClass.AUTH, FailureClass.PERMISSION})

TYPES = {CONTACTS: "contacts", PRODUCTS: "products", TRANSACTIONS: "transactions (sales)"}


def probe_account(services: Services, account: str) -> bool:
    """Opens the account's gate if the CRM answers a read; else keeps it closed. Raises StoreUnavailable.

    Whatever it was closed for, a person is told of refused keys: a gate that the breaker closed would hide
    them.
    """
    call = Call.unrecorded(PROBE_SECONDS)
    try:
        _read(services.ontraport[account], call)
    except DeliveryFailure as failure:
        if failure.failure in KEYS_REFUSED:
            services.gates.close_for_keys(account, failure.reason)
        services.gates.probe_failed(account)
        return False
    services.gates.open(account)
    return True


def _read(client: OntraportClient, call: Call) -> None:
    """Reads contacts, or products where the key may not use contacts: one type's 403 is not the key's."""
    try:
        client.probe(call)
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.PERMISSION:
            raise
        client.probe(call, PRODUCTS)


def forbidden_type(failure: DeliveryFailure, path: str) -> DeliveryFailure:
    """The refusal of a key that may read other types of objects, but not those of `path`."""
    objects = TYPES[path]
    return replace(
        failure,
        reason=f"{failure.reason}: the API key may not use {objects} in ONTRAPORT",
        hint=f"Give the key's user the permission for {objects} in ONTRAPORT, then say `relay dead replay`",
        field=path.removeprefix("/"),
    )

"""ONTRAPORT's custom fields by their names: found once an account, made where they are missing."""

from collections.abc import Mapping

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass
from app.ontraport.fields import ContactField
from app.store.ledger import Ledger, Write

# The relay's fields are text: a drop-down that the merchant made himself is understood, not asked for.
MISSING = "create_field"


def custom_values(attempt: Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """The same values by the account's own field keys (`f1500`), drop-downs as option ids.

    Costs no request once the fields are known. Raises DeliveryFailure when a drop-down lacks the option.
    """
    fields = {name: _field(attempt, name) for name in values}
    return {field.key: field.value(values[name]) for name, field in fields.items()}


def _field(attempt: Attempt, name: str) -> ContactField:
    account = attempt.transmission.account
    known = attempt.services.ledger.custom_field(account, name)
    if known:
        return ContactField.read(known)
    row = Ledger.row(account, f"custom_field:{name}")
    fields = attempt.acquire(row, f"the field {name}")
    client = attempt.services.ontraport[account]

    def look(_: str = "") -> str | None:
        found = attempt.call(client.contact_fields)
        return found[name].written() if name in found else None

    def writes(written: str) -> list[Write]:
        return [(Ledger.custom_fields(account), name, written)]

    if "fs" not in fields:
        found = look()
        if found:
            attempt.complete(writes(found))
            return ContactField.read(found)
    attempt.once(
        row, fields, MISSING, act=lambda call: client.create_contact_field(name, call), look=look,
        writes=lambda _: [], trusted=lambda: True,
    )  # fmt: skip
    made = look()
    if made is None:
        raise DeliveryFailure(
            FailureClass.RETRYABLE, f"the custom field {name!r} was made but is not listed yet"
        )
    attempt.complete(writes(made))
    return ContactField.read(made)

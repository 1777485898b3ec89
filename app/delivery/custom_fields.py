"""ONTRAPORT's custom fields by their names: found, made where they are missing, and doubted now and then.

A field that the account no longer has is ignored silently, so that no refusal tells of it.
"""

from collections.abc import Collection, Mapping, Sequence

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass, Postponed
from app.ontraport.fields import ContactField
from app.store.ledger import Ledger, Write
from app.store.records import milliseconds

# The relay's fields are text: a drop-down that the merchant made himself is understood, not asked for.
MISSING = "create_field"
# What was made so recently may not be listed yet: it is waited for, not made again.
LISTED_WITHIN_MS = 600_000
# What is known of a field is believed for so long.
BELIEVED_MS = 3_600_000


def custom_values(attempt: Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """The same values by the account's own field keys (`f1500`), drop-downs as option ids.

    Costs a request an hour once they are known. Raises DeliveryFailure when a drop-down lacks the option.
    """
    account = attempt.transmission.account
    known = {name: attempt.services.ledger.custom_field(account, name) for name in values}
    fields = {name: ContactField.read(text) for name, text in known.items() if text}
    unknown = [name for name in values if name not in fields or not _believed(attempt, name)]
    if unknown:
        fields |= _learn(attempt, unknown, fields)
    return {fields[name].key: fields[name].value(text) for name, text in values.items()}


def doubt_fields(attempt: Attempt, keys: Collection[str]) -> None:
    """Asks the account for the relay's fields whose keys (`f1500`) were sent and which no answer lists.

    Raises Postponed when one is gone: the next attempt finds or makes it. Costs nothing without such keys.
    """
    account = attempt.transmission.account
    known = attempt.services.ledger.read(Ledger.custom_fields(account)) if keys else {}
    fields = [ContactField.read(text) for text in known.values() if text]
    doubted = [field for field in fields if field.key in keys]
    if not doubted:
        return
    found = attempt.call(attempt.services.ontraport[account].contact_fields)
    gone = [field.name for field in doubted if field.name not in found or found[field.name].key != field.key]
    if gone:
        attempt.complete([(field_row(account, name), "x:read", 0) for name in gone])
        raise Postponed(1.0, f"ONTRAPORT no longer has the field {gone[0]!r}: it is looked for again")


def _believed(attempt: Attempt, name: str) -> bool:
    row = attempt.services.ledger.read(field_row(attempt.transmission.account, name))
    return milliseconds(attempt.services.clock()) - int(row.get("x:read") or 0) < BELIEVED_MS


def _learn(attempt: Attempt, names: Sequence[str], seen: Collection[str]) -> dict[str, ContactField]:
    """Asks the account for these fields, makes those that it lacks, and records all.

    One that was `seen` and is not listed now is gone, however lately it was made.
    """
    account = attempt.transmission.account
    client = attempt.services.ontraport[account]
    rows = {name: attempt.acquire(field_row(account, name), f"the field {name}") for name in names}
    found = attempt.call(client.contact_fields)
    now = milliseconds(attempt.services.clock())
    unlisted = [name for name in names if name not in found or "fs" in rows[name]]
    lacking = [name for name in unlisted if name in seen or not made_just_now(rows[name], now)]
    for name in lacking:
        _make(attempt, name, rows[name], now)
    if lacking:
        found = attempt.call(client.contact_fields)
    unlisted = [name for name in names if name not in found]
    if unlisted:
        raise DeliveryFailure(
            FailureClass.RETRYABLE, f"the custom field {unlisted[0]!r} was made but is not listed yet"
        )
    writes: list[Write] = [(Ledger.custom_fields(account), name, found[name].written()) for name in names]
    attempt.complete([*writes, *((field_row(account, name), "x:read", now) for name in names)])
    return {name: found[name] for name in names}


def _make(attempt: Attempt, name: str, fields: Mapping[str, str], now: int) -> None:
    """Makes one field, once: an announcement of an earlier attempt is looked up before."""
    account = attempt.transmission.account
    client, row = attempt.services.ontraport[account], field_row(account, name)

    def look(_: str) -> str | None:
        return name if name in attempt.call(client.contact_fields) else None

    attempt.once(
        row, fields, MISSING, act=lambda call: client.create_contact_field(name, call),
        look=look, trusted=lambda: True,
        writes=lambda _: [(row, "x:made", now), (Ledger.custom_fields(account), name, "")],
    )  # fmt: skip


def field_row(account: str, name: str) -> str:
    """The row that whoever makes a field writes alone, and notes in `x:made` when that was (ms)."""
    return Ledger.row(account, f"custom_field:{name}")


def made_just_now(fields: Mapping[str, str], now_ms: int) -> bool:
    """Whether a field was made so recently that the account may not list it yet."""
    return now_ms - int(fields.get("x:made") or 0) <= LISTED_WITHIN_MS

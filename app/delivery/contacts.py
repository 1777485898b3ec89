"""The contact of a transmission: one leased writer per contact, nothing sent that did not change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from app.delivery.attempt import Attempt
from app.relay.bodies import contact_body
from app.relay.contacts import ContactPlan
from app.store.ledger import Ledger, Write


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as the ledger knows it: its row's key and fields, and its id in the CRM."""

    row: str
    fields: Mapping[str, str]
    id: str


def email_hash(email: str) -> str:
    """What stands for an address in the ledger: 20 hexadecimal digits of BLAKE2b."""
    return blake2b(email.encode(), digest_size=10).hexdigest()


def write_contact(attempt: Attempt, plan: ContactPlan) -> Contact:
    """Brings the contact up to date and keeps the lease on it until the attempt ends.

    A field group goes out when it differs from what was written last and is not older.
    Raises Postponed while another transmission writes this contact.
    """
    row = Ledger.contact_row(attempt.transmission.account, email_hash(plan.email))
    fields = attempt.acquire(row, "this contact")
    groups = changed_groups(plan, fields)
    if fields.get("id") and not groups:
        attempt.note(_confirmed(row, plan, fields))
        return Contact(row, fields, fields["id"])
    client = attempt.services.ontraport[attempt.transmission.account]
    body = contact_body(_only(plan, groups))
    contact_id = attempt.call(lambda call: client.upsert_contact(body, call))
    attempt.complete(_writes(row, contact_id, plan, groups))
    return Contact(row, fields, contact_id)


def write_customer(attempt: Attempt, plan: ContactPlan) -> Contact:
    """As write_contact, for a customer of the shop: a changed e-mail changes the known contact.

    The customer's own row (`customer:<oid>`) says which contact that is.
    """
    row = Ledger.contact_row(attempt.transmission.account, email_hash(plan.email))
    known = attempt.transmission.ledger.get("x:contact")
    fields = attempt.acquire(row, "this contact")
    if not known or fields.get("id"):
        contact = write_contact(attempt, plan)
    else:
        client = attempt.services.ontraport[attempt.transmission.account]
        attempt.call(lambda call: client.update_contact(known, {"email": plan.email, **plan.fields}, call))
        attempt.complete(_writes(row, known, plan, tuple(plan.groups)))
        contact = Contact(row, fields, known)
    if contact.id != known:
        attempt.note([(attempt.row, "x:contact", contact.id)])
    return contact


def forget_contact(attempt: Attempt, contact: Contact) -> None:
    """The CRM no longer knows the id (merged or deleted): the next upsert finds the right one."""
    forgotten: list[Write] = [(contact.row, "id", "")]
    forgotten += [
        (contact.row, name, "") for name in contact.fields if name.startswith("h:") or name == "lref"
    ]
    attempt.complete(forgotten)


def changed_groups(plan: ContactPlan, fields: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the field groups to write: changed since the last write, and not older than it."""
    return tuple(
        name
        for name, values in plan.groups.items()
        if fields.get(f"h:{name}") != group_hash(values) and plan.version >= int(fields.get(f"v:{name}") or 0)
    )


def _only(plan: ContactPlan, groups: Collection[str]) -> ContactPlan:
    return replace(plan, groups={name: plan.groups[name] for name in groups})


def _confirmed(row: str, plan: ContactPlan, fields: Mapping[str, str]) -> list[Write]:
    """Unchanged, but now known to be as new as this: what is older must not overwrite it."""
    return [
        (row, f"v:{name}", plan.version)
        for name, values in plan.groups.items()
        if fields.get(f"h:{name}") == group_hash(values) and plan.version > int(fields.get(f"v:{name}") or 0)
    ]


def group_hash(values: Mapping[str, str]) -> str:
    """Stands for the values of a field group: 12 hexadecimal digits."""
    text = "\x1f".join(f"{name}={values[name]}" for name in sorted(values))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _writes(row: str, contact_id: str, plan: ContactPlan, groups: tuple[str, ...]) -> list[Write]:
    writes: list[Write] = [(row, "id", contact_id)]
    for name in groups:
        writes += [(row, f"h:{name}", group_hash(plan.groups[name])), (row, f"v:{name}", plan.version)]
    return writes

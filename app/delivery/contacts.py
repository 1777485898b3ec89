"""The contact of a transmission: one leased writer per contact, nothing sent that did not change."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TypeVar

from app.delivery.attempt import Attempt
from app.delivery.custom_fields import doubt_fields
from app.errors import DeliveryFailure, FailureClass
from app.relay.bodies import contact_body
from app.relay.contacts import ContactPlan
from app.store.ledger import Ledger, Write

T = TypeVar("T")

# A customer who changed the address that often is followed; a longer way would be a circle.
MOST_MOVES = 8


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as the ledger knows it: its row's key and fields as they were, and its id in the CRM.

    `stale` names the field groups that were left alone, since what stands in them is newer.
    """

    row: str
    fields: Mapping[str, str]
    id: str
    stale: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class _Known:
    """The row that a plan is about. `renamed`: the contact bears another address now than the plan's."""

    row: str
    fields: Mapping[str, str]
    renamed: bool = False


def email_hash(email: str) -> str:
    """What stands for an address in the ledger: 20 hexadecimal digits of BLAKE2b."""
    return blake2b(email.encode(), digest_size=10).hexdigest()


def write_contact(attempt: Attempt, plan: ContactPlan) -> Contact:
    """Brings the contact up to date and keeps the lease on it until the attempt ends.

    A field group goes out when it differs from what was written last and is not older. A customer of the
    shop whose e-mail changed keeps the contact. Raises Postponed while another transmission writes this one.
    """
    known = _find(attempt, plan)
    customer = _customer(attempt, plan) if plan.customer_id else {}
    contact = _move(attempt, plan, known, customer) or _write(attempt, plan, known)
    _remember_customer(attempt, plan, contact, customer)
    return contact


def with_contact(attempt: Attempt, plan: ContactPlan, act: Callable[[Contact], T]) -> T:
    """`act` on the contact, once more when ONTRAPORT no longer knows it (merged or deleted)."""
    contact = write_contact(attempt, plan)
    try:
        return act(contact)
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.GONE:
            raise
        forget_contact(attempt, contact)
    return act(write_contact(attempt, plan))


def hold_contact(attempt: Attempt, email: str) -> None:
    """Becomes the one writer of the contact with this address; raises Postponed while another one is."""
    attempt.acquire(Ledger.contact_row(attempt.transmission.account, email_hash(email)), "this contact")


def forget_contact(attempt: Attempt, contact: Contact) -> None:
    """The CRM no longer knows the id (merged or deleted): the next upsert finds the right one."""
    attempt.complete(
        [(contact.row, "id", ""), *((contact.row, name, "") for name in contact.fields if _of_its_id(name))]
    )


def _forgotten(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name != "id" and not _of_its_id(name)}


def _of_its_id(name: str) -> bool:
    """Whether a field of the row says what was written to this very contact."""
    return name.startswith("h:") or name == "lref"


def changed_groups(plan: ContactPlan, fields: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the field groups to write: changed since the last write, and not older than it."""
    return tuple(
        name
        for name, values in plan.groups.items()
        if fields.get(f"h:{name}") != group_hash(values) and plan.age(name) >= _age(fields, name)
    )


def group_hash(values: Mapping[str, str]) -> str:
    """Stands for the values of a field group: 12 hexadecimal digits."""
    text = "\x1f".join(f"{name}={values[name]}" for name in sorted(values))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _find(attempt: Attempt, plan: ContactPlan) -> _Known:
    """The row under the plan's address, or under the one that its contact bears now."""
    row = Ledger.contact_row(attempt.transmission.account, email_hash(plan.email))
    fields = attempt.acquire(row, "this contact")
    known = _Known(row, fields)
    for _ in range(MOST_MOVES):
        if not known.fields.get("to"):
            return known
        row = Ledger.contact_row(attempt.transmission.account, known.fields["to"])
        known = _Known(row, attempt.acquire(row, "this contact"), renamed=True)
    return known


def _write(attempt: Attempt, plan: ContactPlan, known: _Known) -> Contact:
    """Sends what changed; by its id to a contact that bears another address now."""
    row, fields, contact_id = known.row, known.fields, known.fields.get("id", "")
    groups = changed_groups(plan, fields)
    stale = _stale(plan, fields)
    if contact_id and not groups:
        attempt.note(_confirmed(row, plan, fields))
        return Contact(row, fields, contact_id, stale)
    client = attempt.services.ontraport[attempt.transmission.account]
    sent = _only(plan, groups)
    attempt.complete(_told(row, plan, groups))
    if known.renamed and contact_id:
        attempt.call(lambda call: client.update_contact(contact_id, sent.fields, call))
    else:
        body = contact_body(sent)
        listed: set[str] = set()
        before = contact_id
        contact_id = attempt.call(lambda call: client.upsert_contact(body, call, listed.update))
        doubt_fields(attempt, {name for name, value in sent.fields.items() if value and name not in listed})
        if before and contact_id != before:
            # It was merged or made anew: of what was written to the one before, nothing is known of this one.
            forget_contact(attempt, Contact(row, fields, before))
            return _write(attempt, plan, replace(known, fields=_forgotten(fields)))
    attempt.complete(_writes(row, contact_id, plan, groups))
    return Contact(row, fields, contact_id, stale)


def _customer(attempt: Attempt, plan: ContactPlan) -> Mapping[str, str]:
    """What is known of the customer: the contact, its address (as a hash), when the profile told of it."""
    return attempt.services.ledger.read(_customer_row(attempt, plan))


def _move(attempt: Attempt, plan: ContactPlan, known: _Known, customer: Mapping[str, str]) -> Contact | None:
    """A customer who is known by another address; None when it is not so.

    An order changes no address unless the profile has told of one: people buy under more than one.
    """
    address, told_at = customer.get("x:address", ""), customer.get("x:profile_at", "")
    if not address or not (told_at or _is_profile(attempt, plan)):
        return None
    before = _Known(Ledger.contact_row(attempt.transmission.account, address), known.fields, renamed=True)
    own_row = Ledger.contact_row(attempt.transmission.account, email_hash(plan.email))
    if own_row == before.row or (known.row != before.row and known.fields.get("id")):
        return None
    if known.row != before.row:
        before = replace(before, fields=attempt.acquire(before.row, "this contact"))
    if before.fields.get("id") != customer["x:contact"] or before.fields.get("to"):
        return None
    if plan.version < int(told_at or 0):
        # An old order tells of an address that the customer has given up since.
        attempt.note([(own_row, "to", address)])
        return _write(attempt, plan, before)
    return _rename(attempt, plan, before, own_row)


def _rename(attempt: Attempt, plan: ContactPlan, before: _Known, row: str) -> Contact | None:
    """Gives the contact its new address; None when that one has a contact of its own, or this one is gone."""
    client = attempt.services.ontraport[attempt.transmission.account]
    if attempt.call(lambda call: client.find_contact(plan.email, call)):
        return None
    groups = changed_groups(plan, before.fields)
    sent = {"email": plan.email, **_only(plan, groups).fields}
    try:
        attempt.call(lambda call: client.update_contact(before.fields["id"], sent, call))
    except DeliveryFailure as failure:
        if failure.failure is not FailureClass.GONE:
            raise
        forget_contact(attempt, Contact(before.row, before.fields, before.fields["id"]))
        return None
    kept = {name: value for name, value in before.fields.items() if name not in ("lk", "to")}
    address = row.rpartition(":")[2]
    moved: list[Write] = [(row, "to", ""), (before.row, "to", address)]
    moved += [(row, name, value) for name, value in kept.items()]
    known_by: Write = (_customer_row(attempt, plan), "x:address", address)
    attempt.complete([*moved, known_by, *_writes(row, kept["id"], plan, groups)])
    return Contact(row, kept, kept["id"], _stale(plan, before.fields))


def _remember_customer(
    attempt: Attempt, plan: ContactPlan, contact: Contact, customer: Mapping[str, str]
) -> None:
    """Which contact a customer of the shop is, and under which address; what the profile told goes first."""
    if not plan.customer_id or (customer.get("x:profile_at") and not _is_profile(attempt, plan)):
        return
    row = _customer_row(attempt, plan)
    told = {"x:contact": contact.id, "x:address": contact.row.rpartition(":")[2]}
    if _is_profile(attempt, plan):
        told["x:profile_at"] = str(plan.version)
    attempt.note([(row, name, value) for name, value in told.items() if customer.get(name) != value])


def _is_profile(attempt: Attempt, plan: ContactPlan) -> bool:
    """Whether the transmission is about the customer itself, and not about one of its orders."""
    return attempt.row == _customer_row(attempt, plan)


def _customer_row(attempt: Attempt, plan: ContactPlan) -> str:
    return Ledger.row(attempt.transmission.account, f"customer:{plan.customer_id}")


def _only(plan: ContactPlan, groups: Collection[str]) -> ContactPlan:
    return replace(plan, groups={name: plan.groups[name] for name in groups})


def _stale(plan: ContactPlan, fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name in plan.groups if plan.age(name) < _age(fields, name))


def _confirmed(row: str, plan: ContactPlan, fields: Mapping[str, str]) -> list[Write]:
    """Unchanged, but now known to be as new as this: what is older must not overwrite it."""
    return [
        write
        for name, values in plan.groups.items()
        if fields.get(f"h:{name}") == group_hash(values) and plan.age(name) > _age(fields, name)
        for write in _aged(row, plan, name)
    ]


def _age(fields: Mapping[str, str], name: str) -> tuple[int, int]:
    """How new what stands in a field group is: when it was told, and when that was seen.

    `v:` is when, as every version of the relay reads it. `s:` is that and when it was seen, and says nothing
    once an older version has written another `v:`. Some had both in `v:`.
    """
    told, _, seen = fields.get(f"v:{name}", "").partition(" ")
    same, _, seen_then = fields.get(f"s:{name}", "").partition(" ")
    return int(told or 0), int((seen_then if same == told else seen) or 0)


def _aged(row: str, plan: ContactPlan, name: str) -> list[Write]:
    told, seen = plan.age(name)
    return [(row, f"v:{name}", told), *([(row, f"s:{name}", f"{told} {seen}")] if seen else [])]


def _told(row: str, plan: ContactPlan, groups: tuple[str, ...]) -> list[Write]:
    """Before it is sent: whether a write that breaks off arrived is unknown; what is older is old now."""
    told: list[Write] = []
    for name in groups:
        told += [(row, f"h:{name}", ""), *_aged(row, plan, name)]
    return told


def _writes(row: str, contact_id: str, plan: ContactPlan, groups: tuple[str, ...]) -> list[Write]:
    writes: list[Write] = [(row, "id", contact_id)]
    for name in groups:
        writes += [(row, f"h:{name}", group_hash(plan.groups[name])), *_aged(row, plan, name)]
    return writes

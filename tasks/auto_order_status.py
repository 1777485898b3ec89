"""An auto order's status on its customer's contact: one of six words, never an older one over a newer."""

from dataclasses import replace

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact, hold_contact, with_contact
from app.delivery.custom_fields import custom_values
from app.delivery.notes import write_note_once
from app.delivery.shop import newest_auto_order
from app.delivery.tags import remove_tags, write_tags
from app.events import Delivered, Outcome, Skipped
from app.relay.auto_orders import AutoOrderPlan, auto_order_of, plan_auto_order, told_anew
from app.store.records import milliseconds

FIELD = "Auto Order Status"
GROUP = "auto_order_status"
TAG = "auto_order_tag"


def deliver(attempt: Attempt) -> Outcome:
    """Writes the status field; a later change of another auto order of the same contact stands."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_auto_order(transmission.event_name, transmission.payload, rules)
    version = 0
    if isinstance(plan, AutoOrderPlan) and transmission.tied:
        version, plan = _as_it_is_now(attempt, plan)
    if isinstance(plan, Skipped):
        return plan
    values = custom_values(attempt, {FIELD: plan.word})
    # A snapshot without any date counts by its arrival.
    version = max(version, plan.version) or milliseconds(transmission.created_at)
    contact = replace(plan.contact, groups={GROUP: values}, version=version)
    return with_contact(attempt, contact, lambda found: _tell(attempt, plan, found))


def _as_it_is_now(attempt: Attempt, plan: AutoOrderPlan) -> tuple[int, AutoOrderPlan | Skipped]:
    """The plan by what the shop says now, with its age, where the snapshot is tied with the one before it."""
    name, payload = attempt.transmission.event_name, attempt.transmission.payload
    # While another transmission writes the contact, no request to the shop is spent on this one.
    hold_contact(attempt, plan.email)
    told = auto_order_of(name, payload)
    now = newest_auto_order(attempt, told)
    if now is told:
        return 0, plan
    rules = attempt.services.accounts[attempt.transmission.account].rules
    asked_at = 0 if plan.version else milliseconds(attempt.services.clock())
    return max(plan.version, asked_at), plan_auto_order(*told_anew(name, payload, now), rules)


def _tell(attempt: Attempt, plan: AutoOrderPlan, contact: Contact) -> Outcome:
    rules = attempt.services.accounts[attempt.transmission.account].rules
    stands = GROUP in contact.stale
    if not stands:
        _change_tag(attempt, contact, rules.auto_order_tags.get(plan.word, ""))
    if rules.auto_order_note and plan.note:
        write_note_once(attempt, contact.id, plan.note, plan.version)
    later = "; the field shows a later change" if stands else ""
    return Delivered(f"contact {contact.id}: {plan.word}{later}")


def _change_tag(attempt: Attempt, contact: Contact, tag: str) -> None:
    """One status has one tag at a time: the last one that was put goes."""
    before = contact.fields.get(TAG, "")
    if tag == before:
        return
    write_tags(attempt, contact.id, [tag] if tag else [])
    remove_tags(attempt, contact.id, [before] if before else [])
    attempt.note([(contact.row, TAG, tag)])

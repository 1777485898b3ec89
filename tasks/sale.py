"""A sale: products, contact, referrer, one logged transaction, tags."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact, with_contact
from app.delivery.logged_sales import log_sale
from app.delivery.notes import write_note
from app.delivery.products import with_products
from app.delivery.referrers import credit, partner_of, with_stranger
from app.delivery.shop import full_order
from app.delivery.tags import write_tags
from app.errors import DeliveryFailure, FailureClass
from app.events import Delivered, Outcome, Skipped
from app.ontraport.pixel import had_receipt
from app.relay.sales import SalePlan, plan_sale
from app.ultracart.schemas import load_order

# Before it, no shop took money over the net; clocks and zones differ by less than a day.
FIRST_DAY = datetime(1990, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def deliver(attempt: Attempt) -> Outcome:
    """Brings one paid order to ONTRAPORT as one logged sale; resumes at the step that failed."""
    transmission, services = attempt.transmission, attempt.services
    order = full_order(attempt)
    plan = plan_sale(
        transmission.event_name,
        order,
        services.rules(transmission.account),
        None if transmission.backfill else services.live_since[transmission.account],
    )
    if isinstance(plan, Skipped):
        return plan
    if _sold_by_pixel(attempt, order):
        return Skipped("sold by pixel: the receipt has told ONTRAPORT of it (ONTRAPORT_METHOD)")
    contact_id, invoice = transmission.ledger.get("x:contact"), transmission.ledger.get("x:sale")
    if not contact_id or not invoice:
        contact_id, invoice = _sell(attempt, plan)
    else:
        _compare(attempt, plan, contact_id, invoice)
    write_tags(attempt, contact_id, plan.tags)
    return Delivered(f"contact {contact_id}, invoice {invoice}. {plan.note}".rstrip(". "))


def _sold_by_pixel(attempt: Attempt, order: Mapping[str, Any]) -> bool:
    """Under `pixel` only what had no receipt is logged here; what was begun by API before is finished so."""
    if attempt.services.accounts[attempt.transmission.account].method != "pixel":
        return False
    begun = {"x:sale", "fs"} & set(attempt.transmission.ledger)
    return not begun and had_receipt(load_order(order))


def _sell(attempt: Attempt, plan: SalePlan) -> tuple[str, str]:
    if not FIRST_DAY <= plan.paid_at <= attempt.services.clock() + ONE_DAY:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"Order {plan.order_id} says that it was paid on {plan.paid_at.date()}, which cannot be.",
            hint="Correct the order in UltraCart: its next event repairs this.",
            field="payment_dts",
        )
    # Products first: while another transmission makes one, nothing of the budget is spent on this one.
    return with_products(attempt, plan.lines, lambda products: _log(attempt, plan, products))


def _log(attempt: Attempt, plan: SalePlan, products: Mapping[str, str]) -> tuple[str, str]:
    partner, buyer = partner_of(attempt, plan.affiliate_id), plan.contact
    if plan.affiliate_id and not partner:
        buyer = with_stranger(attempt, buyer, plan.affiliate_id)

    def sell(contact: Contact) -> tuple[str, str]:
        credit(attempt, contact, partner)
        return contact.id, log_sale(attempt, plan, contact, products)

    return with_contact(attempt, buyer, sell)


def _compare(attempt: Attempt, plan: SalePlan, contact_id: str, invoice: str) -> None:
    """The order was edited after its sale was logged: ONTRAPORT cannot amend that, so a person is told, once.

    A replay is the person's word that it has been seen to. Raises DeliveryFailure(CHANGED).
    """
    ledger = attempt.transmission.ledger
    logged, total = ledger.get("x:total"), str(plan.total)
    if logged in (None, total):
        return
    if attempt.transmission.replayed_ms:
        attempt.note([(attempt.row, "x:total", total)])
        return
    if _total_at_the_shop(attempt, plan) == logged:
        # Orders have no stamp of their last edit: this was an older snapshot that arrived later.
        return
    text = (
        f"Order {plan.order_id}: its total changed from {logged} to {total} "
        f"after invoice {invoice} was logged."
    )
    if ledger.get("x:told") != total:
        write_note(attempt, contact_id, text, [(attempt.row, "x:told", total)])
    raise DeliveryFailure(
        FailureClass.CHANGED,
        text,
        hint="Correct the sale in ONTRAPORT by hand, then say `relay dead replay`",
    )


def _total_at_the_shop(attempt: Attempt, plan: SalePlan) -> str:
    """The order's total as it is now, asked of UltraCart where there is a key; else as the snapshot says."""
    rules = attempt.services.rules(attempt.transmission.account)
    now = plan_sale(attempt.transmission.event_name, full_order(attempt, lambda _: True), rules, None)
    return str(plan.total if isinstance(now, Skipped) else now.total)

"""`relay doctor` on one ONTRAPORT account: keys, custom fields, look-up, gate; for app.cli only."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.cli.calls import CommandCall
from app.cli.checkup.check import Check, failed, ok, warn, wrong
from app.cli.setup import field_names
from app.errors import DeliveryFailure
from app.ontraport.calls import TRANSACTIONS
from app.ontraport.client import CONTACTS, PRODUCTS
from app.ontraport.fields import ContactField
from app.services import Services
from app.settings import Merchant
from app.settings_rules import AUTO_ORDER_WORDS

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "Auto Order Status": AUTO_ORDER_WORDS,
    "Affiliate Approved": ("True", "False"),
}


@dataclass
class Latency:
    """How long the account took to answer, in seconds; 0 until it did."""

    seconds: float = 0.0


def check_ontraport(services: Services, merchant: Merchant, latency: Latency) -> Iterator[Check]:
    """Everything about the account; without valid keys nothing further is looked at."""
    about = f"{merchant.id} ONTRAPORT"
    gate = services.gates.read(merchant.account)
    if gate:
        advice = f"It is tried again at {gate.until:%Y-%m-%d %H:%M:%S} UTC; what is ready waits"
        yield wrong(f"{about} gate", f"closed ({gate.reason}): {gate.text}", advice)
    try:
        for path in (CONTACTS, PRODUCTS, TRANSACTIONS):
            began = time.monotonic()
            services.ontraport[merchant.account].probe(CommandCall(), path)
            latency.seconds = max(latency.seconds, time.monotonic() - began)
    except DeliveryFailure as failure:
        yield failed(
            f"{about} keys", failure, "Check ONTRAPORT_APP_ID and ONTRAPORT_API_KEY, and the user's rights"
        )
        return
    yield ok(
        f"{about} keys", f"contacts, products and transactions may be read at {merchant.ontraport.base_url}"
    )
    yield from _fields(services, merchant)
    yield _look_up(services, merchant)


def _fields(services: Services, merchant: Merchant) -> Iterator[Check]:
    about = f"{merchant.id} custom fields"
    try:
        known = services.ontraport[merchant.account].contact_fields(CommandCall())
    except DeliveryFailure as failure:
        yield failed(about, failure)
        return
    names = field_names(merchant.rules)
    missing = [name for name in names if name not in known]
    if missing:
        yield warn(about, f"missing: {', '.join(missing)}", "`relay setup` makes them, or the first use does")
    else:
        yield ok(about, f"all {len(names)} are there")
    yield from _options(about, known)


def _options(about: str, known: Mapping[str, ContactField]) -> Iterator[Check]:
    """A drop-down that the merchant made himself must have every word that is sent."""
    for name, words in OPTIONS.items():
        field = known.get(name)
        if field is None or field.type != "drop":
            continue
        lacking = [word for word in words if word.casefold() not in field.options]
        if lacking:
            yield wrong(
                about, f"the drop-down {name!r} lacks {', '.join(lacking)}", "Add these options in ONTRAPORT"
            )


def _look_up(services: Services, merchant: Merchant) -> Check:
    """Whether the list of sales can be believed when an answer was lost; reads one known sale back."""
    about, account = f"{merchant.id} look-up of sales", merchant.account
    if services.lookups.proven(account):
        return ok(about, "proven: a sale was read back")
    known = services.lookups.known_sale(account)
    if not known:
        return warn(about, "not proven yet: no sale was logged", "Run it again after the first sale")
    try:
        found = services.ontraport[account].transactions(known["contact"], CommandCall)
        listed = any(row.id == known["invoice"] for row in found)
    except DeliveryFailure as failure:
        return failed(about, failure)
    if not listed:
        text = f"invoice {known['invoice']} is not listed at contact {known['contact']}"
        return wrong(about, text, "A person has to decide about sales whose answer was lost")
    services.lookups.prove(account)
    return ok(about, "proven now: a sale was read back")

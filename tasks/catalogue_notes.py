"""An item of the shop as the catalogue keeps it, whether polled or told by a webhook; for tasks only."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.errors import DeliveryFailure
from app.services import Services
from app.store.catalogue import CatalogueItem
from app.store.records import milliseconds, moment
from app.ultracart.items import load_item

ITEMS = "items"


def item_id_of(row: Mapping[str, Any]) -> str:
    """The id that orders name; '' where there is none."""
    found = row.get("merchant_item_id")
    return str(found).strip() if type(found) in (str, int) else ""


def catalogue_item(row: Mapping[str, Any], noted_ms: int) -> CatalogueItem | None:
    """An item as the catalogue keeps it; None without an id.

    What cannot be read of it is left out: its own transmission tells what is wrong.
    """
    item_id = item_id_of(row)
    if not item_id:
        return None
    try:
        item = load_item(row)
    except DeliveryFailure:
        return CatalogueItem(item_id, noted_ms=noted_ms)
    pricing = item.pricing
    # A date in the future would be newer than every change that follows.
    changed_at = min(item.last_modified_dts, moment(noted_ms)) if item.last_modified_dts else None
    return CatalogueItem(
        id=item_id,
        oid=item.merchant_item_oid or "",
        description=item.description or "",
        price=f"{pricing.cost:f}" if pricing and pricing.cost is not None else "",
        currency=(pricing.currency_code if pricing else None) or "",
        active=not item.inactive,
        changed_at=changed_at.isoformat() if changed_at else "",
        noted_ms=noted_ms,
    )


def note_event(services: Services, merchant_id: str, event_name: str, payload: Mapping[str, Any]) -> None:
    """Puts what an `item_*` event tells into the catalogue, unless that knows it already or knows better."""
    now = milliseconds(services.clock())
    told = catalogue_item(payload, now)
    if told is None:
        return
    known = services.catalogue.item(merchant_id, told.id)
    if event_name == "item_delete":
        # Should the shop list it all the same, the next full round takes it in anew.
        services.polling.forget(merchant_id, ITEMS, [told.id, told.oid])
        told = replace(known or told, deleted=True, active=False, noted_ms=now)
    elif known and known.changed_at > told.changed_at:
        return
    elif known and not told.price:
        told = replace(told, price=known.price, currency=known.currency)
    if known is None or replace(known, noted_ms=now) != told:
        services.catalogue.write(merchant_id, [told])

"""What counts of objects of which only the latest state matters, as one hash; for app.relay alone.

Cheap and pure, for the receiver: a snapshot whose hash was seen last tells nothing new. What changes by
itself (stock, statistics, the date of the last use) is no part of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.relay.raw import content_hash, elements, key, latest, whole_cents, yes

_PERSON = ("first_name", "last_name", "company", "city", "postal_code", "country_code")
_ADDRESS = (*_PERSON, "address1", "address2", "state_region", "day_phone", "evening_phone")
_AFFILIATE = (
    *(
        "affiliate_oid",
        "email",
        "status",
        "first_name",
        "last_name",
        "company_name",
        "address_1",
        "address_2",
    ),
    *("city", "state", "postal_code", "country_code", "phone"),
)


def customer_content(customer: Mapping[str, Any]) -> str:
    """Of a profile: the address that is taken, the e-mail and what the customer agreed to."""
    address = chosen_address(customer)
    privacy = customer.get("privacy")
    agreed = (
        [privacy.get(name) for name in ("marketing", "last_update_dts")]
        if isinstance(privacy, Mapping)
        else []
    )
    tags = [tag.get("tag_value") for tag in elements(customer, "tags")]
    fields = [address.get(name) for name in _ADDRESS] if address else []
    return content_hash(customer.get("email"), customer.get("do_not_send_mail"), *agreed, *tags, "", *fields)


def customer_freshness(customer: Mapping[str, Any]) -> int:
    """When a profile was changed, in milliseconds since 1970 UTC; 0 when it does not say."""
    return latest((customer.get("last_modified_dts"), customer.get("signup_dts")))


def chosen_address(customer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The address of a profile that goes into the contact: of billing, else of shipping.

    The default one, else the one used last, else the first.
    """
    for name, default in (("billing", "default_billing"), ("shipping", "default_shipping")):
        addresses = elements(customer, name)
        index = chosen(addresses, default)
        if index is not None:
            return addresses[index]
    return None


def chosen(addresses: Sequence[Mapping[str, Any]], default: str) -> int | None:
    """The position of the address to take, by its flag `default` and by `last_used_dts`; None of none."""
    if not addresses:
        return None
    named = (index for index, address in enumerate(addresses) if yes(address.get(default)))
    last_used = max(range(len(addresses)), key=lambda index: str(addresses[index].get("last_used_dts") or ""))
    return next(named, last_used)


def item_content(event_name: str, item: Mapping[str, Any]) -> str:
    """Of an item: its name, its price and whether it can be bought."""
    pricing = item.get("pricing")
    price = whole_cents(pricing.get("cost")) if isinstance(pricing, Mapping) else None
    deleted = event_name == "item_delete"
    return content_hash(
        item.get("merchant_item_id"), item.get("description"), yes(item.get("inactive")), price, deleted
    )


def item_freshness(item: Mapping[str, Any]) -> int:
    """When an item was changed, in milliseconds since 1970 UTC; 0 when it does not say."""
    return latest((item.get("last_modified_dts"), item.get("creation_dts")))


def affiliate_content(affiliate: Mapping[str, Any]) -> str:
    """Of an affiliate: who it is and whether it is active."""
    return content_hash(*(affiliate.get(name) for name in _AFFILIATE))


def order_status_content(event_name: str, order: Mapping[str, Any]) -> str:
    """Of a shipped or rejected order: which of both, the parcels and the reason."""
    return content_hash(event_name, *tracking_numbers(order), order.get("reject_reason"))


def tracking_numbers(order: Mapping[str, Any]) -> list[str]:
    """The numbers of an order's parcels."""
    shipping = order.get("shipping")
    found = shipping.get("tracking_numbers") if isinstance(shipping, Mapping) else None
    return [number for one in found if (number := key(one))] if isinstance(found, list | tuple) else []

"""UltraCart's Customer (a profile) as frozen dataclasses; anyone above may import it.

Cards, passwords and notes of the shop are not read. None means absent ("not expanded" or null), which is
not the same as empty or false. https://www.ultracart.com/api/#resource_customer.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from app.ultracart.fields import Many, One
from app.ultracart.reading import read_model
from app.ultracart.schemas import Bool, Str, Time


@dataclass(frozen=True, slots=True)
class CustomerBilling:
    """An address that the customer pays from."""

    first_name: Str = None
    last_name: Str = None
    company: Str = None
    address1: Str = None
    address2: Str = None
    city: Str = None
    state_region: Str = None
    postal_code: Str = None
    country_code: Str = None
    day_phone: Str = None
    evening_phone: Str = None
    default_billing: Bool = None
    last_used_dts: Time = None


@dataclass(frozen=True, slots=True)
class CustomerShipping:
    """An address that is shipped to."""

    first_name: Str = None
    last_name: Str = None
    company: Str = None
    address1: Str = None
    address2: Str = None
    city: Str = None
    state_region: Str = None
    postal_code: Str = None
    country_code: Str = None
    day_phone: Str = None
    evening_phone: Str = None
    default_shipping: Bool = None
    last_used_dts: Time = None


@dataclass(frozen=True, slots=True)
class CustomerPrivacy:
    """What the customer agreed to, and when."""

    marketing: Bool = None
    preference: Bool = None
    statistics: Bool = None
    last_update_dts: Time = None


@dataclass(frozen=True, slots=True)
class CustomerTag:
    """A word that the shop put on the customer."""

    tag_value: Str = None


@dataclass(frozen=True, slots=True)
class Customer:
    """One snapshot of a profile; `customer_profile_oid` stays when the e-mail changes."""

    customer_profile_oid: Str = None
    merchant_id: Str = None
    email: Str = None
    signup_dts: Time = None
    last_modified_dts: Time = None
    affiliate_oid: Str = None
    do_not_send_mail: Bool = None
    unapproved: Bool = None
    website_url: Str = None
    billing: Annotated[tuple[CustomerBilling, ...] | None, Many(CustomerBilling)] = None
    shipping: Annotated[tuple[CustomerShipping, ...] | None, Many(CustomerShipping)] = None
    privacy: Annotated[CustomerPrivacy | None, One(CustomerPrivacy)] = None
    tags: Annotated[tuple[CustomerTag, ...] | None, Many(CustomerTag)] = None


def load_customer(payload: Mapping[str, Any]) -> Customer:
    """The profile in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(Customer, payload, "customer", "customer_profile_oid")

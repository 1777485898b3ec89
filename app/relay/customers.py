"""A shop's customer as a contact: billing over shipping, consent only where the shop tells it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.contacts import ContactPlan, contact_groups, email_of
from app.relay.contents import chosen, customer_freshness
from app.relay.exclusions import excluded_email, excluded_tags
from app.settings import MappingRules
from app.ultracart.customers import Customer, CustomerBilling, CustomerShipping, load_customer
from app.ultracart.schemas import OrderBilling

OPTED_IN, TRANSACTIONAL_ONLY = "1", "0"


def plan_customer(payload: Mapping[str, Any], rules: MappingRules) -> ContactPlan | Skipped:
    """The contact of a customer's profile, or why there is none.

    Raises DeliveryFailure(MAPPING) in plain words when the profile cannot be told from others.
    """
    customer = load_customer(payload)
    if not customer.customer_profile_oid:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            "The customer has no id (customer_profile_oid), so it cannot be told from others.",
            field="customer_profile_oid",
        )
    email = email_of(f"Customer {customer.customer_profile_oid}", customer.email)
    if not email:
        return Skipped("the customer has no e-mail address, so there is no contact for it")
    tags = [tag.tag_value for tag in customer.tags or () if tag.tag_value]
    skipped = excluded_email(email, rules) or excluded_tags(tags, rules)
    return skipped or ContactPlan(
        email=email,
        groups=_groups(customer),
        version=customer_freshness(payload),
        customer_id=customer.customer_profile_oid,
    )


def _groups(customer: Customer) -> dict[str, dict[str, str]]:
    address = _address(customer)
    groups = contact_groups(address) if address else {}
    consent = _consent(customer)
    return groups | ({"consent": {"bulk_mail": consent}} if consent else {})


def _address(customer: Customer) -> OrderBilling | None:
    """The address to take, in the shape in which orders have theirs."""
    candidates: Sequence[CustomerBilling] | Sequence[CustomerShipping]
    candidates, default = customer.billing or (), "default_billing"
    if not candidates:
        candidates, default = customer.shipping or (), "default_shipping"
    index = chosen(
        [{name: getattr(one, name) for name in (default, "last_used_dts")} for one in candidates], default
    )
    if index is None:
        return None
    found = candidates[index]
    return OrderBilling(**{field.name: getattr(found, field.name, None) for field in fields(OrderBilling)})


def _consent(customer: Customer) -> str:
    """ONTRAPORT's `bulk_mail`, or nothing: what the shop was not told is no consent and no refusal.

    That marketing is not agreed to counts only once the customer has been asked (the answer has a date).
    """
    privacy = customer.privacy
    if customer.do_not_send_mail:
        return TRANSACTIONAL_ONLY
    if privacy is None or privacy.marketing is None:
        return ""
    if privacy.marketing:
        return OPTED_IN
    return TRANSACTIONAL_ONLY if privacy.last_update_dts else ""

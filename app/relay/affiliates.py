"""A shop's affiliate as a contact with its number and whether it is approved; pure, for delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.contacts import ContactPlan, contact_groups, email_of
from app.relay.exclusions import excluded_email
from app.settings import MappingRules
from app.ultracart.affiliates import Affiliate, load_affiliate
from app.ultracart.schemas import OrderBilling


@dataclass(frozen=True, slots=True)
class AffiliatePlan:
    """An affiliate of the shop. `program_id` is ONTRAPORT's partner program to put it into, or empty."""

    oid: str
    contact: ContactPlan
    approved: bool
    program_id: str = ""


def plan_affiliate(payload: Mapping[str, Any], rules: MappingRules) -> AffiliatePlan | Skipped:
    """The contact of an affiliate, or why there is none.

    REST knows no approval: who is Active is approved, who is anything else is not.
    Raises DeliveryFailure(MAPPING) in plain words when the affiliate cannot be told from others.
    """
    affiliate = load_affiliate(payload)
    if not affiliate.affiliate_oid:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            "The affiliate has no id (affiliate_oid), so no sale can name it.",
            field="affiliate_oid",
        )
    email = email_of(f"Affiliate {affiliate.affiliate_oid}", affiliate.email)
    if not email:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"Affiliate {affiliate.affiliate_oid} has no e-mail address, so no sale can be credited to it.",
            hint="Enter the affiliate's e-mail in UltraCart: the next round of polling repairs this.",
            field="email",
        )
    if not affiliate.status:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"Affiliate {affiliate.affiliate_oid} does not say whether it is Active or Inactive.",
            hint="Open the affiliate in UltraCart and save it with a status.",
            field="status",
        )
    return excluded_email(email, rules) or AffiliatePlan(
        oid=affiliate.affiliate_oid,
        contact=ContactPlan(email=email, groups=contact_groups(_address(affiliate)), version=0),
        approved=affiliate.status.casefold() == "active",
        program_id=rules.affiliate_program_id,
    )


def _address(affiliate: Affiliate) -> OrderBilling:
    """Its address in the shape in which orders have theirs."""
    return OrderBilling(
        first_name=affiliate.first_name,
        last_name=affiliate.last_name,
        company=affiliate.company_name,
        address1=affiliate.address_1,
        address2=affiliate.address_2,
        city=affiliate.city,
        state_region=affiliate.state,
        postal_code=affiliate.postal_code,
        country_code=affiliate.country_code,
        day_phone=affiliate.phone,
    )

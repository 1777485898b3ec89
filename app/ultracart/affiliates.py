"""UltraCart's Affiliate as a frozen dataclass; anyone above may import it.

Only who the affiliate is and whether it is active: tax id, date of birth and how it is paid are not read.
None means absent. https://www.ultracart.com/api/#resource_affiliate.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.ultracart.reading import read_model
from app.ultracart.schemas import Str


@dataclass(frozen=True, slots=True)
class Affiliate:
    """One affiliate; `status` is Active or Inactive, there is no other word for an approval."""

    affiliate_oid: Str = None
    merchant_id: Str = None
    email: Str = None
    first_name: Str = None
    last_name: Str = None
    company_name: Str = None
    address_1: Str = None
    address_2: Str = None
    city: Str = None
    state: Str = None
    postal_code: Str = None
    country_code: Str = None
    phone: Str = None
    short_code: Str = None
    status: Str = None


def load_affiliate(payload: Mapping[str, Any]) -> Affiliate:
    """The affiliate in a payload; raises DeliveryFailure(MAPPING) when a field has an impossible type."""
    return read_model(Affiliate, payload, "affiliate", "affiliate_oid")

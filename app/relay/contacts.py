"""Who bought: an order's customer as fields of an ONTRAPORT contact; pure, for app.relay and delivery."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.errors import DeliveryFailure, FailureClass
from app.relay.refusals import missing, unclear
from app.ultracart.schemas import Order, OrderBilling

# Two Australian states are spelt differently, for the sake of Canada and Washington.
_AUSTRALIAN_STATES = {"NT": "AU_NT", "WA": "AU_WA"}


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """A contact to be written: `groups` of ONTRAPORT fields that change together, none of them empty.

    `version` is when the fields were told, in milliseconds since 1970 UTC (0: unknown);
    of one version, the snapshot that was `seen` later is the newer. `dated`: groups with another age.
    `customer_id` is the shop's profile whose own address `email` is, or empty.
    """

    email: str
    groups: Mapping[str, Mapping[str, str]]
    version: int
    customer_id: str = ""
    seen: int = 0
    dated: Mapping[str, int] = field(default_factory=dict)

    def age(self, group: str) -> tuple[int, int]:
        """By which a group is newer or older than what stands in the contact."""
        return (self.dated[group], 0) if group in self.dated else (self.version, self.seen)

    @property
    def fields(self) -> dict[str, str]:
        """All groups in one."""
        return {key: value for group in self.groups.values() for key, value in group.items()}


def plan_contact(order: Order, told_at: int, seen: int = 0) -> ContactPlan:
    """The order's customer, who gave the address at `told_at`, as a snapshot of the age `seen` shows it.

    Raises DeliveryFailure(MAPPING) without a usable e-mail address.
    """
    profile, email = order.customer_profile, _email(order)
    # Who buys under another address than the profile's is not known by it.
    is_own = profile is not None and (profile.email or "").strip().lower() == email
    return ContactPlan(
        email=email,
        groups=contact_groups(order.billing) if order.billing else {},
        version=told_at or seen,
        seen=seen,
        customer_id=(profile.customer_profile_oid or "") if profile and is_own else "",
    )


def _email(order: Order) -> str:
    told = [person.email for person in (order.billing, order.customer_profile) if person]
    if not told:
        raise missing(order, "came without its customer", "billing")
    email = email_of(order.named, *told)
    if not email:
        raise unclear(order, "has no e-mail address, so there is no contact for it", field="email")
    return email


def email_of(whose: str, *told: str | None) -> str:
    """The first address that is told, trimmed and in small letters; "" when none is.

    `whose` is the object at the beginning of a sentence. Raises DeliveryFailure(MAPPING) when it is no
    e-mail address.
    """
    email = next((address.strip().lower() for address in told if address), "")
    if email and not _is_address(email):
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"{whose} has an e-mail that is no e-mail address.",
            hint="Correct the e-mail in UltraCart: the next event repairs this.",
            field="email",
        )
    return email


def _is_address(email: str) -> bool:
    name, _, host = email.partition("@")
    return bool(name and host) and email.isprintable() and not (set(email) & set(" ,;<>") or "@" in host)


def contact_groups(billing: OrderBilling) -> dict[str, dict[str, str]]:
    """A person's fields as ONTRAPORT names them, in the groups that change together."""
    groups = {
        "name": {
            "firstname": billing.first_name,
            "lastname": billing.last_name,
            "company": billing.company,
        },
        "address": {
            "address": billing.address1,
            "address2": billing.address2,
            "city": billing.city,
            "state": _state(billing),
            "zip": billing.postal_code,
            "country": (billing.country_code or "").upper(),
        },
        "phone": {
            "office_phone": billing.day_phone,
            "home_phone": billing.evening_phone,
            "cell_phone": billing.cell_phone,
        },
    }
    filled = {name: {k: v for k, v in group.items() if v} for name, group in groups.items()}
    return {name: group for name, group in filled.items() if group}


def _state(billing: OrderBilling) -> str | None:
    if (billing.country_code or "").upper() != "AU":
        return billing.state_region
    state = (billing.state_region or "").upper()
    return _AUSTRALIAN_STATES.get(state, billing.state_region)

"""Whose orders and profiles stay out of the CRM, by the merchant's rules; pure, for app.relay alone."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from app.events import Skipped
from app.settings import Exclusions, MappingRules
from app.ultracart.schemas import Order


def excluded_order(order: Order, rules: MappingRules) -> Skipped | None:
    """Why an order stays out; None when it does not."""
    exclude, checkout, profile = rules.exclude, order.checkout, order.customer_profile
    if exclude == Exclusions():
        return None
    emails = [person.email for person in (order.billing, order.customer_profile) if person]
    themes = [checkout.screen_branding_theme_code, checkout.storefront_host_name] if checkout else []
    tags = [*(order.Tags or ()), *((profile.tags if profile else None) or ())]
    method = order.payment.payment_method if order.payment else None
    return (
        excluded_email(next((email for email in emails if email), None), rules)
        or _among("theme", themes, exclude.themes)
        or excluded_tags(tags, rules)
        or _among("payment method", [method], exclude.payment_methods)
    )


def excluded_email(email: str | None, rules: MappingRules) -> Skipped | None:
    """Why an address stays out, as one that a marketplace masks or a call centre makes up; else None."""
    address = (email or "").strip().casefold()
    for pattern in rules.exclude.emails:
        if address and fnmatchcase(address, pattern.casefold()):
            return Skipped(f"e-mail addresses like {pattern} are excluded")
    return None


def excluded_tags(tags: Iterable[str], rules: MappingRules) -> Skipped | None:
    """Why an order or a customer with these tags stays out; None when it does not."""
    return _among("tag", tags, rules.exclude.tags)


def _among(noun: str, told: Iterable[str | None], excluded: Iterable[str]) -> Skipped | None:
    words = {word.strip().casefold() for word in told if word}
    found = next((word for word in excluded if word.strip().casefold() in words), None)
    return Skipped(f"the {noun} {found} is excluded") if found else None

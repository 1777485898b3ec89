"""Whose orders stay out of the CRM, each with its reason."""

import pytest

from app.events import Skipped
from app.relay.exclusions import excluded_email
from app.relay.sales import SalePlan, plan_sale
from app.settings import Exclusions, MappingRules
from tests.unit import payloads


def sale(case, **exclude):
    rules = MappingRules(exclude=Exclusions(**exclude))
    return plan_sale(case.split("__")[0], payloads.payload(case), rules, None)


@pytest.mark.parametrize(
    ("case", "exclude", "reason"),
    [
        (
            "order_create__marketplace_email",
            {"emails": ("*@marketplace.amazon.com",)},
            "e-mail addresses like *@marketplace.amazon.com are excluded",
        ),
        ("order_create__theme_code", {"themes": ("WHSL",)}, "the theme WHSL is excluded"),
        (
            "order_create__theme_host",
            {"themes": ("WHSL", "wholesale.example.com")},
            "the theme wholesale.example.com is excluded",
        ),
        ("order_create__tagged", {"tags": ("wholesale",)}, "the tag wholesale is excluded"),
        (
            "order_create__purchase_order",
            {"payment_methods": ("PURCHASE ORDER",)},
            "the payment method PURCHASE ORDER is excluded",
        ),
    ],
)
def test_an_excluded_sale_is_skipped_with_its_reason(case, exclude, reason):
    assert sale(case, **exclude) == Skipped(reason)
    assert isinstance(sale(case), SalePlan)
    assert isinstance(sale("order_create__paid", **exclude), SalePlan)


@pytest.mark.parametrize(
    ("email", "pattern", "excluded"),
    [
        ("x@members.ebay.com", "*@members.ebay.com", True),
        ("NoEmail@callcentre.example", "noemail@*", True),
        ("noemail@example.com", "noemail?@*", False),
        ("x@members.ebay.com.example", "*@members.ebay.com", False),
        ("", "*", False),
        (None, "*", False),
        (" X@Y.example ", "x@y.example", True),
    ],
)
def test_patterns_of_addresses(email, pattern, excluded):
    found = excluded_email(email, MappingRules(exclude=Exclusions(emails=(pattern,))))
    assert (found is not None) == excluded


def test_the_reason_names_nobody():
    reason = sale("order_create__marketplace_email", emails=("*@*amazon*",)).reason
    assert "x1y2" not in reason.casefold()


def test_the_address_of_the_profile_counts_where_billing_has_none():
    assert isinstance(sale("order_create__email_of_profile", emails=("jane.doe@*",)), Skipped)

"""What a merchant chooses in the TOML file: refunds, auto orders, stages of orders, exclusions."""

from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Exclusions, MappingRules, OrderStatusRule, Settings, load_settings
from app.settings_rules import RULES
from tests.unit.test_settings_files import EXAMPLE_SECRETS


@pytest.fixture
def load(tmp_path):
    def load_with(rules: str, **environ: str) -> Settings:
        (tmp_path / "relay.toml").write_text(f"[merchants.SHOP]\n{rules}")
        return load_settings({"RELAY_CONFIG": str(tmp_path / "relay.toml"), **environ}, tmp_path / ".env")

    return load_with


def rules_of(settings: Settings) -> MappingRules:
    return settings.merchants["SHOP"].rules


def test_without_a_word_the_defaults_hold(load):
    assert rules_of(load("")) == MappingRules()


def test_every_rule_can_be_said(load):
    toml = """
refund_partial = "Ignore"
partial_refund_tag = "Money back"
refund_on_reject = false
refund_on_void = false
refund_on_delete = false
refund_on_chargeback = false
rerun_commission = true
auto_order_merged_word = "active"
auto_order_completed_word = "Cancelled"
auto_order_note = true
affiliate_program_id = "3"
referrer_field = "Brought by"
auto_order_tags = { "card declined" = "Declined" }
order_statuses.shipped = { tag = "Shipped", note = true, field = "Status", tracking_field = "Tracking" }
exclude = { emails = ["*@x.example"], themes = ["T"], tags = ["W"], payment_methods = ["COD"] }
"""
    assert rules_of(load(toml)) == MappingRules(
        refund_partial="ignore",
        partial_refund_tag="Money back",
        refund_on_reject=False,
        refund_on_void=False,
        refund_on_delete=False,
        refund_on_chargeback=False,
        rerun_commission=True,
        auto_order_merged_word="active",
        auto_order_completed_word="cancelled",
        auto_order_note=True,
        affiliate_program_id="3",
        referrer_field="Brought by",
        auto_order_tags={"card declined": "Declined"},
        order_statuses={"shipped": OrderStatusRule("Shipped", True, "Status", "Tracking")},
        exclude=Exclusions(("*@x.example",), ("T",), ("W",), ("COD",)),
    )


def test_partial_refunds_are_a_setting_of_all_merchants_or_of_one(load):
    assert load("").refund_partial == rules_of(load("")).refund_partial == "note"
    assert rules_of(load("", REFUND_PARTIAL="ignore")).refund_partial == "ignore"
    both = load('[merchants.OTHER]\nrefund_partial = "note"\n', REFUND_PARTIAL="ignore")
    assert {key: one.rules.refund_partial for key, one in both.merchants.items()} == {
        "SHOP": "ignore",
        "OTHER": "note",
    }


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ('refund_partial = "half"', r"merchants\.SHOP\.refund_partial=half: one of note, ignore"),
        ('partial_refund_tag = " "', "partial_refund_tag: a name"),
        ('refund_on_void = "perhaps"', "refund_on_void=perhaps: true or false"),
        ('auto_order_merged_word = "merged"', "auto_order_merged_word=merged: one of active, card declined"),
        ('auto_order_tags = { merged = "x" }', "auto_order_tags: unknown key 'merged'"),
        (
            'order_statuses.lost = { tag = "x" }',
            "order_statuses: unknown key 'lost'; known are rejected, shipped",
        ),
        ('order_statuses.shipped = { tags = "x" }', "shipped: unknown key 'tags'"),
        ('order_statuses.shipped = "x"', "shipped: a table is expected"),
        ('exclude = { emails = "x" }', r"exclude\.emails: a list of names"),
        ('exclude = { hosts = ["x"] }', "exclude: unknown key 'hosts'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(load, rules, words):
    with pytest.raises(SettingsError, match=words):
        load(rules)


def test_a_wrong_word_in_the_environment_is_refused_by_its_name(load):
    with pytest.raises(SettingsError, match=r"^REFUND_PARTIAL=all: one of note, ignore is expected$"):
        load("", REFUND_PARTIAL="all")


def test_the_example_shows_every_rule(tmp_path):
    settings = load_settings({"RELAY_CONFIG": "relay.example.toml", **EXAMPLE_SECRETS}, tmp_path / ".env")
    rules = settings.merchants["DEMO"].rules
    assert rules.order_statuses["shipped"] == OrderStatusRule(
        "Order shipped", True, "Last Order Status", "Tracking Numbers"
    )
    assert rules.order_statuses["rejected"].tag == "Order rejected"
    assert rules.auto_order_tags["cancelled"] == "Subscription cancelled"
    assert rules.exclude.payment_methods == ("Purchase Order",)
    assert (rules.auto_order_note, rules.rerun_commission, rules.affiliate_program_id) == (True, False, "1")
    assert (rules.refund_partial, rules.partial_refund_tag) == ("note", "Partial refund")


def test_the_example_names_every_key_that_a_rule_can_have():
    text = Path("relay.example.toml").read_text()
    assert [key for key in RULES if key not in text] == []

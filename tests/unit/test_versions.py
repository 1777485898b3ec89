"""What is in force: the same tables have the same word, another table another one."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.delivery import versions
from app.delivery.versions import InForce
from app.events import Kind
from app.policies import POLICIES
from app.release import VERSION, release_name
from app.services import Services
from app.settings import MappingRules, OrderStatusRule, load_settings

ACCOUNT = "ontraport:DEMO"


def in_force(rules: MappingRules, release: str = "") -> InForce:
    """The versions of one account with these rules."""
    services = SimpleNamespace(
        accounts={ACCOUNT: None}, rules=lambda account: rules, settings=SimpleNamespace(relay_release=release)
    )
    return InForce(cast(Services, services))


def test_the_release_is_the_version_and_the_revision_where_it_is_known():
    assert VERSION == tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    assert release_name() == VERSION
    assert release_name("3f2a91bc04d7" + "0" * 28) == f"{VERSION}+3f2a91bc04d7"
    assert in_force(MappingRules(), "v12")(ACCOUNT).release == f"{VERSION}+v12"


@pytest.mark.parametrize(
    ("environ", "release"),
    [
        ({}, ""),
        ({"HEROKU_SLUG_COMMIT": "abc"}, "abc"),
        ({"HEROKU_SLUG_COMMIT": "abc", "RELAY_RELEASE": "v12"}, "v12"),
    ],
)
def test_heroku_tells_the_revision_unless_a_person_does(environ: dict[str, str], release: str):
    assert load_settings(environ).relay_release == release


def test_the_mapping_is_another_one_as_soon_as_anything_in_it_is():
    plain = MappingRules(products={"BONE": "Bone", "BALL": "Ball"})
    changes: list[dict[str, Any]] = [
        {"products": {"BONE": "Bone", "BALL": "Balls"}},
        {"order_tags": ("new",)},
        {"order_statuses": {"shipped": OrderStatusRule(tag="x")}},
        {"refund_partial": "ignore"},
    ]
    words = {in_force(replace(plain, **change))(ACCOUNT).mapping for change in ({}, *changes)}
    assert len(words) == len(changes) + 1
    turned = MappingRules(products={"BALL": "Ball", "BONE": "Bone"})
    assert in_force(turned)(ACCOUNT).mapping == in_force(plain)(ACCOUNT).mapping


def test_an_account_that_the_settings_no_longer_have_has_no_mapping():
    assert in_force(MappingRules())("ontraport:GONE").mapping == ""


def test_the_policy_is_another_one_by_what_decides_and_not_by_its_reason(monkeypatch: pytest.MonkeyPatch):
    def word(**change: Any) -> str:
        policies = {**POLICIES, Kind.SALE: replace(POLICIES[Kind.SALE], **change)}
        monkeypatch.setattr(versions, "POLICIES", policies)
        return in_force(MappingRules())(ACCOUNT).policy

    assert word(reason="otherwise said") == word()
    assert len({word(), word(delays=(1.0,)), word(max_age=timedelta(hours=1)), word(blocks=frozenset())}) == 4


def test_every_process_says_the_same():
    code = "from tests.unit.test_versions import *; print(*in_force(MappingRules())(ACCOUNT))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1

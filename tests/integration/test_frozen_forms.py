"""What this version writes can be read by the versions before, which work beside it while a deploy rolls."""

import json
from pathlib import Path

import pytest

from tests.frozen.forms import forms, misread
from tests.frozen.relay import Relay
from tests.frozen.story import frozen, tell
from tests.integration.test_frozen_stores import STORES
from tests.servers import ROOT, Sandbox, Valkey

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(240)]

# What the first versions had no need of and read well: another content of a state is sent once more, and a
# group whose write broke off is as one that was never written.
READ_WELL = ("l.w: is written as 'HASH@N'", "c.h: is written as ''")
WHAT_TO_DO = """

An earlier version that works beside this one, or that you go back to, does not understand what is written.
Write it into a field of its own and leave the old one as it was. Where that cannot be and the record is a
transmission's, its event's or an announcement's, raise RECORD_VERSION (docs/architecture.md)."""


def test_earlier_versions_understand_what_this_one_writes(tmp_path: Path, valkey: Valkey, sandbox: Sandbox):
    relay = Relay(ROOT, tmp_path, valkey, sandbox)
    try:
        tell(relay)
        written = forms(frozen(relay)["keys"])
    finally:
        relay.kill()
    for file in STORES:
        found = misread(forms(json.loads(file.read_text())["keys"]), written)
        problems = [one for one in found if not one.startswith(READ_WELL)]
        assert not problems, "\n".join((file.stem, *problems)) + WHAT_TO_DO


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("1772460900000 1773068400000", "N N"),
        ("@-6578ms", "N"),
        ("log_sale 5 50.00 1772460921", "log_sale N MONEY N"),
        ("mwrecj49989kxg14.1 mwrecj4jaq6v3lst.2", "ID ID"),
        ("mwrecj49989kxg14.1 0f81c2d4a6b9", "ID HASH"),
        ("mwrecj49989kxg14.1 048162053917", "ID HASH"),
    ],
)
def test_a_form_is_what_a_reader_must_know(value: str, form: str):
    assert forms({"c:x": {"type": "hash", "value": {"v:name": value}}}) == {"c.v:": {form}}


def test_a_changed_form_and_a_missing_field_are_found():
    before, now = {"c.v:": {"N"}, "c.id": {"N"}}, {"c.v:": {"N N", "N"}, "c.s:": {"N N"}}
    assert misread(before, now) == [
        "c.id is no longer written",
        "c.v: is written as 'N N' and was written as ['N']",
    ]

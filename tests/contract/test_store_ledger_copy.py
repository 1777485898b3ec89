"""The ledger as a file: it comes back whole, merges into a newer one, and never takes back what was done."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import ledger_file
from app.errors import InstanceMismatch
from app.store.ledger_copy import Merged, NoLedger, Row, merge, rows
from tests.servers import Valkey
from tests.stores import ACCOUNT, MARK, Store, fact, three_kinds

pytestmark = pytest.mark.server

ORDER = f"l:{ACCOUNT}:order:1"
CONTACT = f"c:{ACCOUNT}:aa"
PRODUCTS = f"p:{ACCOUNT}"
DONE = {"x:sale": "42", "x:contact": "7", "x:total": "10.00"}

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.sampled_from(["x:sale", "x:contact", "x:total", "x:noted", "x:told"])
steps = st.dictionaries(names, texts, min_size=1)
ledgers = st.dictionaries(st.integers(1, 6).map(lambda n: f"l:{ACCOUNT}:order:{n}"), steps, max_size=6)


@pytest.fixture(scope="module")
def empty(shared_valkey: Valkey) -> Store:
    """A store for many examples; each empties it first."""
    with pytest.MonkeyPatch.context() as patch:
        three_kinds(patch)
        return Store.on(shared_valkey.client)


def fill(store: Store, ledger: Mapping[str, Mapping[str, str]]) -> None:
    """An empty store with these rows."""
    store.client.flushall()
    store.client.set("relay:instance", MARK)
    for key, fields in ledger.items():
        store.client.hset(key, items=[part for pair in fields.items() for part in pair])


def copy_of(store: Store) -> list[Row]:
    """Everything that would be exported."""
    return sorted(rows(store.client, store.scripts), key=lambda row: row.key)


def bring(store: Store, copy: list[Row]) -> list[Merged]:
    """Imports it."""
    return [merge(store.client, store.scripts, MARK, row) for row in copy]


@given(ledger=ledgers)
def test_a_copy_comes_back_whole_and_twice_is_once(empty: Store, tmp_path_factory, ledger):
    fill(empty, ledger)
    copy = copy_of(empty)
    file: Path = tmp_path_factory.mktemp("copy") / "ledger.jsonl.gz"
    assert ledger_file.write(file, {}, copy) == len(copy)
    fill(empty, {})
    read = list(ledger_file.read(file))
    assert {merged.fate for merged in bring(empty, read)} <= {"new"}
    assert copy_of(empty) == copy
    assert {merged.fate for merged in bring(empty, read)} <= {"known"}
    assert copy_of(empty) == copy


@given(older=ledgers, newer=ledgers)
def test_what_either_knows_to_be_done_is_done_and_what_is_known_here_stays(empty: Store, older, newer):
    fill(empty, older)
    copy = copy_of(empty)
    fill(empty, newer)
    fates = {row.key: merged.fate for row, merged in zip(copy, bring(empty, copy), strict=True)}
    after = {row.key: row.fields for row in copy_of(empty)}
    for key in {*older, *newer}:
        if fates.get(key) == "contradicts":
            assert after[key] == newer[key]
            assert "" != older[key]["x:sale"] != newer[key]["x:sale"] != ""
        else:
            assert after[key] == {**older.get(key, {}), **newer.get(key, {})}


def test_what_was_delivered_is_known_in_the_next_store_and_what_was_not_is_made_anew(store: Store):
    told = {name: fact(f"order:{name}", value="1000") for name in ("delivered", "waiting", "dead")}
    tids = {name: store.admit(one) + ".1" for name, one in told.items()}
    store.deliver(tids["delivered"])
    store.bury(tids["dead"])
    copy = copy_of(store)
    fill(store, {})
    bring(store, copy)
    for one in told.values():
        store.admit(one)
    assert store.counts() == {"ready": 2}
    assert store.line("order:delivered") == []


def test_a_write_in_doubt_stays_in_doubt(store: Store):
    claimed = store.claim(store.sale())
    store.announce(claimed, "log_sale 7 10.00 1")
    before = store.row()
    copy = copy_of(store)
    fill(store, {})
    bring(store, copy)
    assert {name: store.row().get(name) for name in ("fs", "fa", "ft", "fl")} == {
        name: before[name] for name in ("fs", "fa", "ft", "fl")
    }
    store.sale()
    assert store.row()["fs"] == "log_sale 7 10.00 1"


def test_a_write_that_has_ended_here_is_not_put_in_doubt_again(store: Store):
    fill(store, {ORDER: DONE})
    assert bring(store, [Row(ORDER, {"fs": "log_sale 7 10.00 1", "fa": "1", **DONE})]) == [Merged("known")]
    assert dict(store.row()) == DONE


def test_leases_and_lines_stay_behind(store: Store):
    claimed = store.claim(store.sale())
    store.ledger.acquire(claimed.id, claimed.token, CONTACT)
    store.client.hset(CONTACT, "id", "7")
    [contact] = [row for row in copy_of(store) if row.key == CONTACT]
    assert contact.fields == {"id": "7"}
    assert all("q" not in row.fields for row in copy_of(store))


@pytest.mark.parametrize(
    ("key", "here", "file"),
    [(ORDER, DONE, {"x:sale": "43", "x:noted": "n"}), (PRODUCTS, {"BONE": "3"}, {"BONE": "4", "BALL": "5"})],
)
def test_a_row_that_contradicts_is_left_out_and_named(store: Store, key: str, here, file):
    fill(store, {key: here})
    [merged] = bring(store, [Row(key, file)])
    assert merged.fate == "contradicts"
    assert key in merged.reason
    assert dict(store.ledger.read(key)) == here


@pytest.mark.parametrize(
    ("here", "file", "after"),
    [
        ({"x:refunded": "5.00"}, {"x:refunded": "25.00"}, {"x:refunded": "25.00"}),
        ({"x:refunded": "25.00"}, {"x:refunded": "5.00"}, {"x:refunded": "25.00"}),
        ({"f:sale": "new.1", "v:sale": "2"}, {"f:sale": "old.1", "w:sale": "1", "v:sale": "1"}, None),
    ],
)
def test_totals_grow_and_a_fact_is_as_it_is_known_here(store: Store, here, file, after):
    fill(store, {ORDER: here})
    bring(store, [Row(ORDER, file)])
    assert dict(store.row()) == (after or here)


def test_a_contact_keeps_its_id_and_gains_invoices(store: Store):
    fill(store, {CONTACT: {"id": "7", "inv": "3 4", "h:name": "new", "v:name": "2"}})
    older = {"h:name": "old", "v:name": "1", "s:name": "1 9", "h:address": "a"}
    bring(store, [Row(CONTACT, {"id": "7", "inv": "1 3", **older})])
    assert dict(store.ledger.read(CONTACT)) == {
        "id": "7", "inv": "3 4 1", "h:name": "new", "v:name": "2", "h:address": "a",
    }  # fmt: skip
    bring(store, [Row(CONTACT, {"id": "8", "inv": "9", "h:phone": "p"})])
    assert "h:phone" not in store.ledger.read(CONTACT)


def test_of_two_beginnings_the_earlier_one_is_true(store: Store):
    store.client.set(f"live:{ACCOUNT}", 5)
    store.client.set("relay:born", 5)
    merged = bring(store, [Row(f"live:{ACCOUNT}", {}, "4"), Row("relay:born", {}, "6")])
    assert merged == [Merged("merged"), Merged("known")]
    assert (store.client.get(f"live:{ACCOUNT}"), store.client.get("relay:born")) == (b"4", b"5")


def test_a_row_keeps_its_end(store: Store):
    store.deliver(store.sale())
    ends = store.client.pexpiretime(ORDER)
    copy = copy_of(store)
    fill(store, {})
    bring(store, copy)
    assert store.client.pexpiretime(ORDER) == ends > 0


@pytest.mark.parametrize("key", ["relay:instance", "t:1", "ready:ontraport:DEMO:sale"])
def test_nothing_but_a_ledger_comes_in(store: Store, key: str):
    with pytest.raises(NoLedger):
        bring(store, [Row(key, {"a": "b"}, "b")])


def test_a_store_that_is_not_ours_takes_nothing(store: Store):
    store.client.set("relay:instance", "somebody else's")
    with pytest.raises(InstanceMismatch):
        bring(store, [Row(ORDER, DONE)])
    assert store.row() == {}


class TestFile:
    def test_one_that_is_cut_off_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.jsonl"
        ledger_file.write(file, {}, [Row(ORDER, DONE), Row(CONTACT, {"id": "7"})])
        lines = file.read_text().splitlines(keepends=True)
        for cut in range(len(lines)):
            file.write_text("".join(lines[:cut]))
            with pytest.raises(NoLedger):
                list(ledger_file.read(file))

    def test_a_compressed_one_that_is_cut_off_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.jsonl.gz"
        ledger_file.write(file, {}, [Row(ORDER, DONE)])
        file.write_bytes(file.read_bytes()[:-30])
        with pytest.raises(NoLedger):
            list(ledger_file.read(file))

    def test_one_of_a_later_version_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.jsonl"
        file.write_text(json.dumps({"relay_ledger": 2}) + "\n")
        with pytest.raises(NoLedger, match="version"):
            list(ledger_file.read(file))

    def test_it_holds_json_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "ledger.jsonl.gz"
        ledger_file.write(file, {"instance": "m"}, [Row(ORDER, DONE, ends_ms=9)])
        with gzip.open(file, "rt") as lines:
            assert [json.loads(line) for line in lines] == [
                {"relay_ledger": 1, "instance": "m"}, {"key": ORDER, "fields": DONE, "ends": 9}, {"rows": 1},
            ]  # fmt: skip
        assert list(tmp_path.iterdir()) == [file]

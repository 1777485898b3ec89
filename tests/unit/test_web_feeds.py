"""`GET /feeds/items`: the key, the question, JSON and CSV, and the answer to who has it already."""

import csv
import io

import pytest

from app.errors import StoreUnavailable
from app.settings import load_settings
from app.web import create_app

KEY = {"X-Api-Key": "feed-key"}
ROW = {
    "id": "BONE",
    "description": "A bone",
    "price": "9.99",
    "currency": "USD",
    "active": True,
    "deleted": False,
    "last_change": "2026-03-01T17:00:00+00:00",
    "noted_at": "2026-03-01T18:00:00+00:00",
    "product_name": "Chew bone",
    "product_id": "41",
    "sync": "delivered",
}


class Items:
    """The catalogue, and what it was asked for."""

    def __init__(self, *rows, total=None):
        self.rows = rows
        self.total = len(rows) if total is None else total
        self.asked = []
        self.broken = False

    def __call__(self, merchant_id, since_ms, limit, offset):
        if self.broken:
            raise StoreUnavailable("no")
        self.asked.append((merchant_id, since_ms, limit, offset))
        return list(self.rows), self.total


class NoInbox:
    def admit(self, items, merchant_id):
        raise AssertionError

    async def admit_async(self, items, merchant_id):
        raise AssertionError

    def ready(self):
        raise AssertionError


def client(items, tmp_path, **environ):
    settings = load_settings({"FEED_KEY": "feed-key", **environ}, tmp_path / ".env")
    return create_app(settings, NoInbox(), items=items).test_client()


@pytest.fixture
def items():
    return Items(ROW)


@pytest.fixture
def feed(items, tmp_path):
    return client(items, tmp_path)


@pytest.mark.parametrize("path", ["/feeds/items", "/feeds/items.json", "/feeds/items.csv"])
def test_without_a_feed_key_there_is_no_feed(path, tmp_path):
    answer = client(Items(), tmp_path, FEED_KEY="").get(path, headers=KEY)
    assert (answer.status_code, answer.json) == (404, {"error": "not found"})


@pytest.mark.parametrize("key", [None, "", "wrong", "feed-key2", "fée", "feed-ke"])
def test_a_wrong_key_is_refused(feed, items, key):
    answer = feed.get("/feeds/items", headers={"X-Api-Key": key} if key is not None else {})
    assert (answer.status_code, answer.json) == (401, {"error": "X-Api-Key is missing or wrong"})
    assert items.asked == []


def test_json_is_the_default(feed):
    answer = feed.get("/feeds/items", headers=KEY)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == {"items": [ROW], "total": 1, "limit": 500, "offset": 0, "next_offset": None}
    assert feed.get("/feeds/items.json", headers=KEY).json == answer.json


def test_the_question_is_handed_on(feed, items):
    feed.get("/feeds/items?since=2026-03-01T12:00:00-05:00&limit=2000&offset=40", headers=KEY)
    feed.get("/feeds/items?since=2026-03-01T17:00:00", headers=KEY)
    feed.get("/feeds/items?since=2026-03-01T17:00:00+00:00", headers=KEY)
    assert items.asked == [("DEMO", 1772384400000, 2000, 40), *[("DEMO", 1772384400000, 500, 0)] * 2]


def test_the_next_page_is_named(tmp_path):
    answer = client(Items(ROW, total=9), tmp_path).get("/feeds/items?offset=3&limit=1", headers=KEY)
    assert answer.json["next_offset"] == 4
    assert answer.headers["X-Total-Count"] == "9"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=0", "limit"), ("limit=2001", "limit"), ("limit=x", "limit"), ("limit=", "limit"),
        ("limit=-1", "limit"), ("limit=1e3", "limit"), ("limit=\u0661", "limit"), ("offset=-1", "offset"),
        ("offset=99999999999", "offset"), ("since=yesterday", "since"), ("since=9999-99-99", "since"),
        ("color=red", "color"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_plain_json(feed, items, query, word):
    answer = feed.get(f"/feeds/items?{query}", headers=KEY)
    assert answer.status_code == 400
    assert word in answer.json["error"]
    assert items.asked == []


def test_who_has_it_already_gets_no_body(feed, items):
    first = feed.get("/feeds/items", headers=KEY)
    tag = first.headers["ETag"]
    again = feed.get("/feeds/items", headers={**KEY, "If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    items.rows = ({**ROW, "sync": "dead"},)
    assert feed.get("/feeds/items", headers={**KEY, "If-None-Match": tag}).status_code == 200


def test_csv_has_the_same_rows(feed):
    answer = feed.get("/feeds/items.csv", headers=KEY)
    assert answer.content_type == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row == {**ROW, "active": "true", "deleted": "false"}


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", '=HYPERLINK("x","y")']
)
def test_csv_cells_are_no_formulas(tmp_path, text):
    answer = client(Items({**ROW, "description": text}), tmp_path).get("/feeds/items.csv", headers=KEY)
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["description"] == f"'{text}"


def test_csv_cells_keep_what_they_hold(tmp_path):
    row = {**ROW, "description": 'a "b", c\nd', "price": "-5.00", "product_name": "Ünï \0"}
    answer = client(Items(row), tmp_path).get("/feeds/items.csv", headers=KEY)
    (found,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (found["description"], found["price"], found["product_name"]) == ('a "b", c\nd', "-5.00", "Ünï ")


def test_a_store_that_is_away_is_told(feed, items):
    items.broken = True
    answer = feed.get("/feeds/items", headers=KEY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_other_methods_are_refused(feed):
    assert feed.post("/feeds/items", headers=KEY).status_code == 405


def test_answers_are_not_kept_by_others(feed):
    headers = feed.get("/feeds/items", headers=KEY).headers
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_one_of_several_merchants_has_to_be_named(tmp_path):
    config = tmp_path / "relay.toml"
    config.write_text("[merchants.A]\nontraport_rate_per_minute = 1\n[merchants.B]\n")
    items = Items(ROW)
    several = client(items, tmp_path, RELAY_CONFIG=str(config))
    assert several.get("/feeds/items", headers=KEY).status_code == 400
    assert several.get("/feeds/items?merchant=B", headers=KEY).status_code == 200
    assert several.get("/feeds/items?merchant=C", headers=KEY).status_code == 404
    assert [merchant for merchant, *_ in items.asked] == ["B"]

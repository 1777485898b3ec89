"""The webhook that is wanted, how a shop's one differs, and what is sent to make it so."""

from app.ultracart.catalogue import EVENTS
from app.ultracart.webhooks import (
    NEEDED,
    WANTED,
    Wanted,
    differences,
    find_webhook,
    lacking,
    request_of,
    wanted_events,
)

URL = "https://relay.example.com/webhooks/ultracart/DEMO"


def catalogue(*names, available=None):
    return [
        {
            "event_category": name,
            "events": [{"event_name": event} for event in EVENTS[name]],
            **({"available_expansions": available} if available is not None else {}),
        }
        for name in names
    ]


def wanted(**events):
    return Wanted(URL, "user", "secret", events or {"order": {"order_create": "billing,item"}})


def standing(**more):
    return {
        **request_of(wanted(), None),
        "webhook_oid": 7,
        "consecutive_failures": 0,
        **more,
    }


def test_wanted_events_exist():
    for category, (events, _) in WANTED.items():
        assert set(events) <= EVENTS[category], category
    assert set(NEEDED) <= set(WANTED)
    for category, names in NEEDED.items():
        assert names <= set(WANTED[category][1].split(",")), category


def test_only_what_the_shop_offers_is_asked_for():
    offered = [
        {
            "event_category": "order",
            "events": [{"event_name": "order_create"}],
            "available_expansions": ["item"],
        }
    ]
    assert wanted_events(offered) == {"order": {"order_create": "item"}}


def test_a_shop_that_names_no_expansions_is_asked_for_all():
    assert wanted_events(catalogue("item"))["item"]["item_update"] == "pricing,content"
    assert wanted_events(catalogue("item", available=[]))["item"]["item_update"] == ""


def test_affiliates_are_subscribed_to_where_they_exist():
    assert set(wanted_events(catalogue("affiliate"))["affiliate"]) == {"affiliate_create", "affiliate_update"}


def test_events_that_mean_nothing_are_left_alone():
    assert wanted_events(catalogue("user", "workflow_task")) == {}


def test_a_missing_webhook_is_told():
    (told,) = differences(wanted(), None)
    assert "no webhook" in told


def test_what_was_written_does_not_differ():
    assert differences(wanted(), request_of(wanted(), None)) == []


def test_an_unseen_password_does_not_differ():
    assert differences(wanted(), standing(basic_password=None)) == []
    assert differences(wanted(), standing(basic_password="other")) == [
        "basic_password: another one becomes WEBHOOK_PASSWORD"
    ]


def test_each_setting_that_differs_is_told():
    found = differences(wanted(), standing(disabled=True, compress_events=True, maximum_events=10))
    assert found == [
        "maximum_events: 10 becomes 50",
        "compress_events: true becomes false",
        "disabled: true becomes false",
    ]


def test_events_and_expansions_that_are_missing_are_told():
    more = wanted(order={"order_create": "billing,item,payment", "order_refund": "billing"})
    assert differences(more, standing()) == ["order_create: expanded by payment", "order_refund: subscribed"]


def test_an_event_that_was_switched_off_counts_as_missing():
    known = standing()
    known["event_categories"][0]["events"][0]["subscribed"] = False
    assert differences(wanted(), known) == ["order_create: subscribed"]


def test_what_others_asked_for_stays():
    known = standing()
    known["event_categories"][0]["events"].append({"event_name": "order_ship", "subscribed": True})
    known["event_categories"][0]["events"][0]["expansion"] = "billing,utms"
    known["event_categories"].append({"event_category": "user", "events": [{"event_name": "user_login"}]})
    sent = request_of(wanted(), known)
    order, user = sent["event_categories"]
    assert {one["event_name"]: one.get("expansion") for one in order["events"]} == {
        "order_ship": None,
        "order_create": "billing,item,utms",
    }
    assert user["events"] == [{"event_name": "user_login"}]
    assert (sent["webhook_oid"], sent["name"]) == (7, "ultracart-relay")


def test_a_webhook_is_found_by_its_address():
    assert find_webhook([{"webhook_url": "https://x"}, {"webhook_url": f"{URL}/"}, {}], URL) == {
        "webhook_url": f"{URL}/"
    }
    assert find_webhook([], URL) is None


def test_expansions_without_which_nothing_is_understood_are_named():
    assert lacking(standing()) == ["order_create lacks auto_order, payment, summary"]
    assert lacking({"event_categories": None}) == []

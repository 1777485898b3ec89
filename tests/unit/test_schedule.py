"""What beat is told to start."""

from datetime import timedelta

from app.settings import load_settings
from workers.schedule import beat_schedule, without_polls

REAL = {
    "ULTRACART_MERCHANT_ID": "SHOP",
    "ONTRAPORT_APP_ID": "2_a",
    "ONTRAPORT_API_KEY": "key",
    "WEBHOOK_USERNAME": "u",
    "WEBHOOK_PASSWORD": "p",
}


def settings(tmp_path, **environ):
    return load_settings({**REAL, **environ}, tmp_path / ".env")


def test_a_shop_with_a_key_is_polled_as_often_as_is_set(tmp_path):
    entries = beat_schedule(settings(tmp_path, ULTRACART_SIMPLE_KEY="k", ITEM_POLL_SECONDS="120"))
    assert {name: (one["task"], one["args"], one["schedule"]) for name, one in entries.items()} == {
        "probe": ("tasks.probe", (), timedelta(minutes=1)),
        "items:SHOP": ("tasks.item_polling", ("SHOP",), timedelta(minutes=2)),
        "affiliates:SHOP": ("tasks.affiliate_polling", ("SHOP",), timedelta(minutes=15)),
        "reconciliation:SHOP": ("tasks.reconciliation", ("SHOP",), timedelta(minutes=5)),
    }
    queues = {name: one["options"]["queue"] for name, one in entries.items()}
    assert queues.pop("probe") == "probe"
    assert set(queues.values()) == {"item_polling"}


def test_the_webhook_is_looked_at_where_its_address_is_known(tmp_path):
    known = settings(tmp_path, ULTRACART_SIMPLE_KEY="k", RELAY_PUBLIC_URL="https://relay.example.com")
    entry = beat_schedule(known)["webhook:SHOP"]
    assert (entry["task"], entry["args"]) == ("tasks.webhook_polling", ("SHOP",))


def test_without_a_key_nothing_is_polled(tmp_path):
    assert list(beat_schedule(settings(tmp_path))) == ["probe"]
    assert without_polls(settings(tmp_path)) == ["SHOP"]


def test_the_sandbox_is_polled(tmp_path):
    in_sandbox = load_settings({}, tmp_path / ".env")
    names = ["affiliates:DEMO", "items:DEMO", "probe", "reconciliation:DEMO"]
    assert sorted(beat_schedule(in_sandbox)) == names
    assert without_polls(in_sandbox) == []

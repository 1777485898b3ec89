"""The polls against the stand-in shop and a real store: what they take, keep, resume and leave alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.services import Services, utc_now
from app.settings import Secret
from app.store.polling import Polling
from app.ultracart.client import UltracartClient
from tasks import affiliate_polling, item_polling, poll_runs
from tasks.affiliate_polling import poll_affiliates
from tasks.item_polling import poll_items
from tasks.poll_runs import PollReport
from tests.contract.shops import affiliate, item

pytestmark = pytest.mark.server


def items(services: Services) -> PollReport:
    return poll_items(services, services.settings.merchants["DEMO"])


def affiliates(services: Services) -> PollReport:
    return poll_affiliates(services, services.settings.merchants["DEMO"])


def later(services: Services, **span: float) -> Services:
    """The same relay, that much later."""
    return replace(services, clock=lambda: utc_now() + timedelta(**span))


def test_items_fill_the_catalogue(services, shop):
    shop.fill(items=[item(1), item(2, inactive=True)])
    report = items(services)
    assert (report.ending, report.seen, report.changed) == ("done", 2, 2)
    first, second = services.catalogue.read("DEMO")
    assert (first.id, first.oid, first.description) == ("ITEM-0001", "5001", "Item number 1")
    assert (first.price, first.currency, first.active, first.deleted) == ("9.99", "USD", True, False)
    assert first.changed_at == "2026-03-01T17:00:00+00:00"
    assert not second.active


def test_events_go_through_admission(services, shop):
    shop.fill(items=[item(1)], affiliates=[affiliate(1)])
    items(services)
    affiliates(services)
    assert services.log.events() == {"accepted": 2}


def test_unchanged_objects_are_not_admitted_again(services, shop):
    shop.fill(items=[item(1)], affiliates=[affiliate(1)])
    for _ in range(3):
        items(services)
        affiliates(services)
    items(later(services, hours=25))
    assert services.log.events() == {"accepted": 2}


def test_only_changes_since_the_last_round_are_asked_for(services, shop):
    shop.fill(items=[item(1)])
    items(services)
    assert items(services).seen == 0
    shop.fill(items=[item(1, description="New", last_modified_dts=utc_now().isoformat())])
    assert items(services).changed == 1
    assert services.catalogue.read("DEMO")[0].description == "New"


def test_every_page_is_read(services, shop, monkeypatch):
    monkeypatch.setattr(item_polling, "PAGE", 3)
    shop.fill(items=[item(n) for n in range(10)])
    report = items(services)
    assert (report.pages, report.seen) == (4, 10)
    assert len(services.catalogue.read("DEMO")) == 10


def test_a_round_is_resumed_at_the_page_it_had_reached(services, shop, monkeypatch):
    monkeypatch.setattr(item_polling, "PAGE", 3)
    shop.fill(items=[item(n) for n in range(10)])
    shop.limit(2)
    assert items(services).ending == "stopped"
    assert len(services.catalogue.read("DEMO")) == 6
    shop.limit(1000)
    services.client.delete("uc:rest:DEMO")
    report = items(services)
    assert (report.ending, report.seen) == ("done", 4)
    assert len(services.catalogue.read("DEMO")) == 10


def test_a_throttled_shop_is_not_asked_again_before_its_time(services, shop):
    shop.fill(items=[item(1)])
    shop.limit(1)
    items(services)
    before = shop.requests()
    assert items(services).ending == "stopped"
    assert items(services).ending == "stopped"
    assert shop.requests() == before


def test_an_item_that_is_gone_is_marked_once_the_shop_confirms_it(services, shop):
    shop.fill(items=[item(1), item(2)])
    items(services)
    shop.remove("items", 5002)
    assert items(services).deleted == 0
    assert items(later(services, hours=25)).deleted == 1
    kept, gone = services.catalogue.read("DEMO")
    assert (kept.deleted, gone.deleted, gone.active) == (False, True, False)
    assert items(later(services, hours=50)).deleted == 0


def test_an_item_that_comes_back_is_there_again(services, shop):
    shop.fill(items=[item(1)])
    items(services)
    shop.remove("items", 5001)
    items(later(services, hours=25))
    shop.fill(items=[item(1)])
    items(later(services, hours=50))
    assert not services.catalogue.read("DEMO")[0].deleted


def test_an_item_that_cannot_be_read_stops_nobody(services, shop):
    strange = item(2, merchant_item_oid=5002, pricing={"cost": "many"})
    foreign = item(3, merchant_id="OTHER")
    shop.fill(items=[item(1), strange, foreign, item(4)])
    report = items(services)
    assert (report.ending, report.seen, report.quarantined) == ("done", 4, 1)
    assert [one.id for one in services.catalogue.read("DEMO")] == [f"ITEM-000{n}" for n in (1, 2, 3, 4)]
    items(later(services, hours=25))
    assert services.log.quarantined() == 1


def test_an_item_of_which_the_mapping_changed_is_sent_again(services, shop):
    shop.fill(items=[item(1)])
    items(services)
    services.polling.ask_again("DEMO", "ITEM-0001")
    services.polling.ask_again("DEMO", "NO-SUCH-ITEM")
    assert items(services).changed == 1
    assert services.polling.asked_again("DEMO") == []


def test_a_name_that_changes_in_the_settings_file_sends_its_item_again(services, shop, merchant):
    account, both = merchant.account, {"ITEM-0001": "Chew bone", "ITEM-0002": "Leash"}

    def changed(**products: str) -> int:
        rules = replace(merchant.rules, products=products)
        return poll_items(services, replace(merchant, rules=rules)).changed

    shop.fill(items=[item(1), item(2)])
    services.client.hset(f"p:{account}", mapping={"ITEM-0001": "41", "ITEM-0002": "42"})
    assert changed() == 2
    assert changed(**both) == 2
    assert services.ledger.products(account, list(both)) == {}
    assert changed(**both) == 0
    assert changed(**both | {"ITEM-0001": "Bone"}) == 1
    services.product_map.set(account, "DEMO", "ITEM-0002", "By hand", "77")
    assert changed(**both | {"ITEM-0001": "Bone"}) == 1
    assert changed() == 1
    assert services.ledger.products(account, list(both)) == {"ITEM-0002": "77"}
    assert changed() == 0


def test_the_settings_files_names_of_the_first_poll_are_no_change(services, shop, merchant):
    rules = replace(merchant.rules, products={"ITEM-0001": "Chew bone"})
    services.client.hset(f"p:{merchant.account}", "ITEM-0001", "41")
    poll_items(services, replace(merchant, rules=rules))
    assert services.ledger.products(merchant.account, ["ITEM-0001"]) == {"ITEM-0001": "41"}
    assert services.polling.asked_again("DEMO") == []


def test_affiliates_of_both_statuses_are_read(services, shop):
    shop.fill(affiliates=[affiliate(1), affiliate(2, status="Inactive")])
    report = affiliates(services)
    assert (report.ending, report.pages, report.changed) == ("done", 2, 2)


def test_an_affiliate_that_changes_back_is_told_each_time(services, shop):
    for status in ("Active", "Inactive", "Active", "Inactive"):
        shop.fill(affiliates=[affiliate(1, status=status)])
        assert affiliates(services).changed == 1
    assert services.log.events() == {"accepted": 4}


def test_affiliates_are_resumed_at_the_page_reached(services, shop):
    shop.fill(affiliates=[affiliate(n) for n in range(450)])
    shop.limit(2)
    assert affiliates(services).ending == "stopped"
    shop.limit(1000)
    services.client.delete("uc:rest:DEMO")
    report = affiliates(services)
    assert (report.ending, report.seen, report.changed) == ("done", 50, 50)
    assert affiliates(services).seen == 450


def test_a_page_that_was_admitted_but_not_kept_makes_nothing_twice(services, shop, monkeypatch):
    shop.fill(affiliates=[affiliate(1)])
    monkeypatch.setattr(Polling, "keep", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        affiliates(services)
    monkeypatch.undo()
    affiliates(services)
    assert services.log.events()["accepted"] <= 2


def test_a_running_poll_is_not_doubled(services, shop, merchant):
    shop.fill(items=[item(1)])
    with services.polling.turn("DEMO", "items"):
        assert items(services).ending == "busy"
        assert affiliates(services).ending == "done"
    assert items(services).ending == "done"


def test_a_turn_that_was_lost_ends_the_run(services, shop, monkeypatch):
    shop.fill(items=[item(1)])
    real = services.shops["DEMO"].items_page

    def slow(*args, **more):
        services.client.delete("poll-turn:DEMO:items")
        return real(*args, **more)

    monkeypatch.setattr(item_polling, "PAGE", 1)
    shop.fill(items=[item(2)])
    monkeypatch.setattr(services.shops["DEMO"], "items_page", slow)
    report = items(services)
    assert (report.ending, report.pages) == ("stopped", 1)


def test_a_run_has_its_time(services, shop, monkeypatch):
    monkeypatch.setattr(poll_runs, "RUN_SECONDS", -1.0)
    shop.fill(items=[item(1)])
    assert items(services).ending == "stopped"
    assert services.catalogue.read("DEMO") == []


def test_a_shop_without_a_key_is_not_polled(services, shop, merchant):
    off = replace(merchant, ultracart_key=Secret())
    assert poll_items(services, off).ending == "off"
    assert shop.requests() == 0


def test_a_refused_key_fails_the_poll(services, shop, merchant, monkeypatch):
    wrong = UltracartClient(merchant.ultracart_base_url, Secret("wrong"))
    monkeypatch.setitem(services.shops, "DEMO", wrong)
    report = items(services)
    assert report.ending == "failed"
    assert "ULTRACART_SIMPLE_KEY" in report.reason
    assert services.polling.reports("DEMO")["items"]["ending"] == "failed"


def test_the_statuses_are_asked_for_in_order():
    assert affiliate_polling.STATUSES == ("Active", "Inactive")

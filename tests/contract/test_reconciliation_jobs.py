"""A comparison against the stand-in shop and a real store: resumed where it was, and it doubles nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from app.delivery import shop_orders
from app.delivery.reconciliation import Job
from app.delivery.shop_orders import Span
from app.events import JobName
from app.services import Services
from tasks import reconciliation
from tasks.reconciliation import begin, current, go_on, report_of
from tests.contract.shops import ShopAt
from tests.integration.orders import Order

pytestmark = pytest.mark.server

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SPAN = Span(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
NAME = "by-hand"


def paid(number: int, begin: datetime = NOON) -> list[Order]:
    return [Order(paid_at=begin + timedelta(minutes=n)) for n in range(number)]


def put(shop: ShopAt, *orders: Order) -> None:
    shop.fill(orders=[order.payload() for order in orders])


def compared(services: Services, merchant, **more) -> Job:
    """A comparison from its beginning to its end."""
    begin(services, merchant, NAME, SPAN, **more)
    return to_the_end(services, merchant)


def to_the_end(services: Services, merchant) -> Job:
    """Run after run, as on a slow machine."""
    ending = "stopped"
    while ending == "stopped":
        ending = go_on(services, merchant, NAME).ending
    job = current(services, merchant, NAME)
    assert job is not None
    assert (ending, bool(job.ended_at)) == ("done", True)
    return job


def sales(services: Services) -> int:
    return sum(services.log.counts("ontraport:DEMO").states.get("sale", {}).values())


def test_each_page_is_taken_once_and_a_second_time_changes_nothing(services, shop, merchant, monkeypatch):
    monkeypatch.setattr(shop_orders, "ORDERS_PAGE", 100)
    put(shop, *paid(250))
    job = compared(services, merchant)
    assert (job.orders, job.admitted, sales(services)) == (250, 250, 250)
    again = compared(services, merchant)
    assert (again.orders, again.admitted, sales(services)) == (250, 0, 250)


def test_it_is_gone_on_with_where_the_allowance_ended(services, shop, merchant, monkeypatch):
    monkeypatch.setattr(shop_orders, "ORDERS_PAGE", 100)
    put(shop, *paid(250))
    begin(services, merchant, NAME, SPAN)
    shop.limit(7)
    assert go_on(services, merchant, NAME).ending == "stopped"
    stopped = current(services, merchant, NAME)
    assert stopped is not None
    assert (stopped.place is not None, stopped.ended_at) == (True, "")
    shop.limit(1000)
    services.client.delete("uc:rest:DEMO")
    job = to_the_end(services, merchant)
    assert (job.orders, job.admitted, sales(services)) == (250, 250, 250)


def test_a_step_that_was_admitted_but_not_kept_makes_nothing_twice(services, shop, merchant, monkeypatch):
    put(shop, *paid(3))
    begin(services, merchant, NAME, SPAN)
    monkeypatch.setattr(services.reconciliations, "keep", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        go_on(services, merchant, NAME)
    monkeypatch.undo()
    go_on(services, merchant, NAME)
    assert sales(services) == 3


def test_what_was_paid_before_the_switch_on_is_sold_by_a_backfill_alone(services, shop, merchant):
    put(shop, *paid(1), *paid(2, NOON - timedelta(hours=6)))
    services.__dict__["live_since"] = {"ontraport:DEMO": NOON - timedelta(hours=1)}
    job = compared(services, merchant)
    assert (job.admitted, report_of(services, merchant, job)["sales"]["skipped"]) == (1, 2)
    assert compared(services, merchant, history=True).admitted == 2
    assert sales(services) == 3


def test_a_report_is_written_and_kept(services, shop, merchant):
    put(shop, *paid(2))
    job = compared(services, merchant)
    report = report_of(services, merchant, job)
    assert (report["complete"], report["sales"]["shop"], len(report["differences"])) == (False, 2, 2)
    files = {file.suffix for file in (services.settings.data_dir / "reports").iterdir()}
    assert files == {".json", ".txt"}


def test_what_cannot_be_read_keeps_it_from_being_complete(services, shop, merchant):
    stranger = paid(1)[0].payload() | {"merchant_id": "OTHER"}
    shop.fill(orders=[stranger])
    job = compared(services, merchant)
    report = report_of(services, merchant, job)
    assert (job.unreadable > 0, report["complete"], sales(services)) == (True, False, 0)


def test_an_empty_shop_is_complete(services, shop, merchant):
    report = report_of(services, merchant, compared(services, merchant))
    assert (report["complete"], report["completeness"]) == (True, 100.0)


def test_a_relay_without_room_for_reports_reconciles_all_the_same(services, shop, merchant, monkeypatch):
    def refuse(*_):
        raise OSError("read-only")

    monkeypatch.setattr(reconciliation, "write", refuse)
    put(shop, *paid(1))
    assert compared(services, merchant).admitted == 1


def test_what_it_tells_of_itself_while_it_runs_and_in_the_end(services, shop, merchant, monkeypatch):
    """For alerts, `relay status` and `/metrics`."""
    monkeypatch.setattr(shop_orders, "ORDERS_PAGE", 100)
    orders = paid(150)
    put(shop, *orders)
    begin(services, merchant, JobName.NIGHTLY, SPAN)
    shop.limit(3)
    go_on(services, merchant, JobName.NIGHTLY)
    under_way = services.survey.read().shops[0].comparisons[JobName.NIGHTLY]
    assert (under_way.ended, under_way.since, under_way.until) == (False, SPAN.since, SPAN.until)
    assert 0 < under_way.progress < 1
    shop.limit(1000)
    services.client.delete("uc:rest:DEMO")
    while go_on(services, merchant, JobName.NIGHTLY).ending == "stopped":
        pass
    ended = services.survey.read().shops[0].comparisons[JobName.NIGHTLY]
    assert (ended.ended, ended.progress, ended.completeness) == (True, 1.0, 0.0)
    assert (ended.different, ended.admitted, ended.unrepaired) == (150, 150, 0)


def test_what_another_version_has_begun_is_gone_on_with(services, shop, merchant):
    put(shop, *paid(2))
    begin(services, merchant, NAME, SPAN)
    kept = services.reconciliations.job(merchant.id, NAME)
    older = {name: value for name, value in kept.items() if name not in ("progress", "unrepaired", "kept_at")}
    services.reconciliations.begin(merchant.id, NAME, older | {"news": 1})
    assert services.survey.read().shops[0].comparisons[JobName.BY_HAND].progress == 0.0
    assert to_the_end(services, merchant).admitted == 2


def test_what_stands_with_another_amount_and_is_known_is_left_to_a_person(services, shop, merchant):
    order = paid(1)[0]
    put(shop, order)
    compared(services, merchant)
    row = f"l:ontraport:DEMO:order:{order.id}"
    services.client.hset(row, mapping={"x:sale": "77", "x:total": "1.00"})
    job = compared(services, merchant)
    assert (job.unrepaired, job.completeness, job.admitted) == (1, 0.0, 0)
    # What the relay was never told is told to it now.
    services.client.hset(row, "w:sale", "1.00")
    job = compared(services, merchant)
    assert (job.unrepaired, job.completeness, job.admitted) == (0, 0.0, 1)

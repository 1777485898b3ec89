"""What is an alert, at which numbers, and how it is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.alerts.alert import Alert, Severity
from app.alerts.capacity import budget_forecast, memory_forecast
from app.alerts.judge import News
from app.alerts.message import document, subject_line
from app.alerts.readings import (
    AccountReading,
    ClosedGate,
    Past,
    Probe,
    Readings,
    Sample,
    ShopReading,
    Tries,
    Waiting,
)
from app.alerts.rules import RULES, TO_DO, find_alerts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MB = 2**20
WARN, PAGE = Severity.WARN, Severity.PAGE


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def account(**fields: Any) -> Readings:
    return Readings(NOW, (AccountReading("ontraport:DEMO", **fields),))


def letter(number: int = 1, **fields: Any) -> Waiting:
    plain: dict[str, Any] = {"failure": "mapping", "money": True, "since": ago(minutes=1), "cents": 5000}
    return Waiting(f"id{number}", f"order:DEMO-{number}", **plain | {"currency": "USD"} | fields)


def old_status(number: int) -> tuple[Waiting, ...]:
    return tuple(letter(n, money=False, since=ago(hours=1)) for n in range(number))


def gate(reason: str, **since: float) -> ClosedGate:
    return ClosedGate(reason, ago(**since), NOW + timedelta(minutes=5))


def severities(readings: Readings) -> dict[str, Severity]:
    return {alert.name: alert.severity for alert in find_alerts(readings)}


def test_nothing_is_wrong_with_an_empty_relay():
    assert find_alerts(Readings(NOW)) == []
    assert find_alerts(account()) == []


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        (account(dead=(letter(),)), {"money_dead": WARN}),
        (account(dead=(letter(since=ago(minutes=14)), letter(2))), {"money_dead": WARN}),
        (account(dead=(letter(since=ago(minutes=15)), letter(2))), {"money_dead": PAGE}),
        (account(dead=tuple(letter(n) for n in range(9))), {"money_dead": WARN}),
        (account(dead=tuple(letter(n) for n in range(10))), {"money_dead": PAGE}),
        (account(dead=(letter(money=False),)), {"dead": WARN}),
        (account(dead=old_status(50)), {"dead": WARN}),
        (account(dead=old_status(51)), {"dead": PAGE}),
        (account(dead=(letter(since=ago(hours=4)),)), {"money_dead": PAGE, "dead_waits": WARN}),
        (account(dead=(letter(since=ago(hours=24)),)), {"money_dead": PAGE, "dead_waits": PAGE}),
        (account(gate=gate("auth", seconds=0)), {"keys_refused": PAGE}),
        (account(gate=gate("throttled", seconds=119)), {}),
        (account(gate=gate("throttled", minutes=2)), {"crm_away": WARN}),
        (account(gate=gate("breaker", minutes=15)), {"crm_away": PAGE}),
        (account(oldest_money=ago(seconds=59)), {}),
        (account(oldest_money=ago(seconds=60)), {"money_late": WARN}),
        (account(oldest_money=ago(minutes=5)), {"money_late": PAGE}),
        # The gate says it all.
        (account(oldest_money=ago(hours=1), gate=gate("auth", hours=1)), {"keys_refused": PAGE}),
        (account(retried=(letter(since=ago(minutes=14)),)), {}),
        (account(retried=(letter(since=ago(minutes=15)),)), {"money_retried": WARN}),
        (account(retried=(letter(since=ago(hours=4)),)), {"money_retried": PAGE}),
        (account(retried=(letter(money=False, since=ago(hours=4)),)), {}),
        (Readings(NOW, quarantined=1), {"quarantine": WARN}),
        (Readings(NOW, quarantined=9, quarantined_lately=4), {"quarantine": WARN}),
        (Readings(NOW, quarantined=5, quarantined_lately=5), {"quarantine": PAGE}),
        (Readings(NOW, memory_used=69 * MB, memory_limit=100 * MB), {}),
        (Readings(NOW, memory_used=70 * MB, memory_limit=100 * MB), {"memory": WARN}),
        (Readings(NOW, memory_used=85 * MB, memory_limit=100 * MB), {"memory": PAGE}),
        (Readings(NOW, memory_used=99 * MB), {}),
        (Readings(NOW, evicted=1), {"memory": PAGE}),
        (Readings(NOW, writes_lost_at=ago(hours=23)), {"writes_lost": WARN}),
        (Readings(NOW, writes_lost_at=ago(hours=24)), {}),
        (Readings(NOW, shops=(ShopReading("DEMO", webhook_pending=9),)), {}),
        (Readings(NOW, shops=(ShopReading("DEMO", webhook_failures=1),)), {"webhook": WARN}),
        (Readings(NOW, shops=(ShopReading("DEMO", webhook_disabled=True),)), {"webhook": PAGE}),
        (Readings(NOW, shops=(ShopReading("DEMO", {"items": "no key"}),)), {"poll_failed": WARN}),
    ],
)
def test_the_table(readings: Readings, expected: dict[str, Severity]):
    assert severities(readings) == expected


@pytest.mark.parametrize(
    ("lately", "tried", "expected"),
    [(4, 40, WARN), (5, 500, WARN), (5, 499, PAGE), (6, 600, WARN), (7, 600, PAGE), (5, 0, PAGE)],
)
def test_other_dead_letters_page_as_a_share_of_what_was_tried(lately: int, tried: int, expected: Severity):
    dead = tuple(letter(n, money=False) for n in range(lately)) + old_status(10)
    # What was tried before these 15 minutes does not count.
    tries = (Tries(good=tried // 2, other=tried - tried // 2), *[Tries()] * 14, *[Tries(good=1000)] * 45)
    assert severities(account(dead=dead, tries=tries))["dead"] == expected


def tried(good: int, bad: int) -> tuple[Tries, ...]:
    """Sixty minutes, of which each saw so many."""
    return (Tries(good, bad, 7),) * 60


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        ((), {}),
        ((Tries(0, 19),), {}),
        ((Tries(19, 1),), {}),
        ((Tries(189, 10),), {"first_attempts": WARN}),
        ((Tries(0, 0, 100),), {}),
        (tried(80, 20), {"first_attempts": WARN}),
        (tried(79, 21), {"first_attempts": PAGE}),
        # Five bad minutes are not ten, a bad hour that is over only warns, and a good hour hides no bad end.
        (tried(0, 10)[:5] + tried(10, 0)[5:], {"first_attempts": WARN}),
        (tried(10, 0)[:10] + tried(0, 10)[10:], {"first_attempts": WARN}),
        (tried(0, 10)[:10] + tried(1000, 0)[10:], {"first_attempts": PAGE}),
        (tried(1, 1)[:10] + tried(1000, 0)[10:], {"first_attempts": PAGE}),
        ((Tries(), *tried(1, 1)[:9], *tried(1000, 0)[10:]), {}),
    ],
)
def test_first_attempts_over_enough_of_them(tries: tuple[Tries, ...], expected: dict[str, Severity]):
    assert severities(account(tries=tries)) == expected


def test_first_attempts_in_words():
    [alert] = find_alerts(account(tries=tried(9, 1)))
    assert alert.what == (
        "ontraport:DEMO: only 90% succeeded (60 of 600 failed) among the first attempts of an hour"
    )


@pytest.mark.parametrize(
    ("lost", "expected"), [(9, {}), (10, {"lost_wake_ups": WARN}), (100, {"lost_wake_ups": PAGE})]
)
def test_wake_ups_are_counted_over_an_hour(lost: int, expected: dict[str, Severity]):
    readings = Readings(NOW, lost_wake_ups=500 + lost)
    assert severities(readings) == {}
    past = Past(hour=Sample(ago(hours=1), 0, 500))
    assert severities(replace(readings, past=past)) == expected


@pytest.mark.parametrize(
    ("awake", "completed", "expected"),
    [
        (ago(hours=9), ago(minutes=4), {}),
        (ago(hours=9), ago(minutes=5), {"probe": WARN}),
        (ago(hours=9), ago(minutes=15), {"probe": PAGE}),
        # Nobody was there to see it.
        (ago(minutes=4), ago(hours=9), {}),
        (ago(minutes=4), None, {}),
        (ago(minutes=15), None, {"probe": PAGE}),
    ],
)
def test_a_probe_that_stays_away(awake: datetime, completed: datetime | None, expected: dict[str, Severity]):
    assert (
        severities(Readings(NOW, awake_since=awake, probe=Probe(NOW, completed, "it is broken"))) == expected
    )


def test_the_alert_says_what_the_probe_met():
    met = Readings(NOW, awake_since=ago(hours=1), probe=Probe(NOW, ago(minutes=6), "it is broken"))
    assert find_alerts(met)[0].what == "no end-to-end probe has succeeded for 6 min: it is broken"
    none = replace(met, probe=Probe(ago(minutes=6), ago(minutes=6)))
    assert find_alerts(none)[0].what == "no end-to-end probe has succeeded for 6 min: none was made"


def a_day(facts: int, requests: int, before: int = 0) -> Readings:
    """A relay that took so many facts in 24 hours, and so many in the same 24 hours of last week."""
    key = "ontraport:DEMO"
    past = Past(
        day=Sample(ago(days=1), 0, 0, {key: 10_000}, {key: 20_000}),
        week_and_day=Sample(ago(days=8), 0, 0, {key: 1_000}),
        week=Sample(ago(days=7), 0, 0, {key: 1_000 + before}),
    )
    readings = account(facts=10_000 + facts, requests=20_000 + requests, rate_per_minute=100, waiting=1_000)
    return replace(readings, past=past if facts else Past())


@pytest.mark.parametrize(
    ("facts", "expected"), [(57_000, {}), (57_600, {"budget": WARN}), (72_000, {"budget": PAGE})]
)
def test_a_days_facts_are_weighed_by_what_they_cost(facts: int, expected: dict[str, Severity]):
    # 100 a minute are 144,000 a day; a fact costs 2 requests.
    assert severities(a_day(facts, 2 * facts)) == expected


def test_what_comes_in_counts_even_if_it_cannot_all_go_out():
    """A day that brings twice what may be sent needs 200 %, though no more than 100 % was sent."""
    day = a_day(144_000, 144_000)
    assert budget_forecast(day.accounts[0], day).share == 1.0
    twice = replace(day.accounts[0], facts=10_000 + 288_000, requests=20_000 + 144_000)
    assert budget_forecast(twice, day).share == 1.0


def test_the_forecast_goes_on_as_the_last_week_did():
    day = a_day(36_000, 72_000, before=18_000)
    forecast = budget_forecast(day.accounts[0], day)
    assert (forecast.facts, forecast.requests_per_fact, forecast.share) == (36_000, 2.0, 0.5)
    # A quarter of a day's requests more each week: all of them in two weeks.
    assert forecast.full_in == timedelta(days=14)
    shrinking = a_day(36_000, 72_000, before=50_000)
    assert budget_forecast(shrinking.accounts[0], shrinking).full_in is None


def test_the_time_at_which_a_backlog_clears():
    day = a_day(1_000, 2_000)
    assert budget_forecast(day.accounts[0], day).clears_in == timedelta(minutes=20)
    young = a_day(0, 0)
    assert budget_forecast(young.accounts[0], young).clears_in == timedelta(minutes=30)


def memory(then: int, now: int, **since: float) -> Readings:
    past = Past(hour=Sample(ago(**since), then * MB, 0))
    return Readings(NOW, memory_used=now * MB, memory_limit=1000 * MB, past=past)


def test_memory_that_grows_is_told_before_it_is_short():
    growing = memory(100, 130, hours=1)
    forecast = memory_forecast(growing)
    assert forecast is not None
    assert forecast.full_in == timedelta(hours=24)
    [alert] = find_alerts(growing)
    assert (alert.name, alert.severity) == ("memory", WARN)
    assert "2026-03-02 12:00 UTC" in alert.what
    assert find_alerts(memory(100, 129, hours=1)) == []
    assert find_alerts(memory(100, 90, hours=1)) == []
    # The first minutes after a start say nothing of a day.
    assert find_alerts(memory(1, 130, minutes=10)) == []


def test_an_outage_tells_how_much_waits_and_when_it_clears():
    held = {"USD": 5_000_000, "EUR": 0}
    readings = account(gate=gate("breaker", hours=3), waiting=100_000, held_cents=held)
    [alert] = find_alerts(readings)
    assert alert.what == (
        "ontraport:DEMO: gate closed since 2026-03-01 09:00 UTC: the CRM has taken nothing for 3 h 0 min "
        "(breaker); 100,000 wait, cleared 1 day 5 h after the gate opens"
    )
    assert (alert.size, alert.money) == (100_000, held)


def test_dead_letters_are_grouped_by_account_and_class_with_their_orders_and_money():
    dead = (
        letter(1, since=ago(minutes=3)),
        letter(2, since=ago(minutes=9), cents=700, currency="EUR"),
        letter(3, failure="unknown"),
        letter(4, money=False),
    )
    alerts = {alert.group: alert for alert in find_alerts(account(dead=dead))}
    assert set(alerts) == {
        "money_dead:ontraport:DEMO:mapping",
        "money_dead:ontraport:DEMO:unknown",
        "dead:ontraport:DEMO:mapping",
    }
    two = alerts["money_dead:ontraport:DEMO:mapping"]
    assert (two.size, two.subjects) == (2, ("order:DEMO-2", "order:DEMO-1"))
    assert dict(two.money) == {"USD": 5000, "EUR": 700}
    many = account(dead=tuple(letter(n) for n in range(30)))
    assert len(find_alerts(many)[0].subjects) == 10


def test_money_goes_first_then_pages():
    dead = (letter(1), letter(2, money=False, cents=0))
    readings = replace(account(dead=dead, gate=gate("auth", minutes=1)), quarantined=1)
    names = [alert.name for alert in find_alerts(readings)]
    assert names == ["money_dead", "keys_refused", "dead", "quarantine"]


def news(**fields: Any) -> News:
    plain: dict[str, Any] = {"name": "money_dead", "group": "g", "severity": PAGE, "what": "a sale"}
    return News(Alert(**plain | fields), ago(minutes=12))


def test_a_message_says_what_to_which_orders_how_much_and_what_to_do():
    alert = {"subjects": ("order:DEMO-1", "order:DEMO-2"), "size": 3, "money": {"USD": 15_000}}
    sent = document([news(**alert), News(news(name="memory").alert, ago(minutes=12), resolved=True)], NOW)
    assert sent["text"].split("\n\n") == [
        "PAGE money_dead: a sale\nMoney: 150.00 USD\nAbout: order:DEMO-1, order:DEMO-2 and 1 more\n"
        f"Do: {TO_DO['money_dead']}",
        "resolved memory, which was: a sale\nIt lasted 12 min, since 2026-03-01 11:48 UTC.",
    ]
    assert sent["subject"] == "relay PAGE money_dead: a sale (and 1 more)"
    opened, ended = sent["alerts"]
    assert (opened["status"], opened["severity"], opened["money_cents"]) == ("open", "page", {"USD": 15_000})
    assert (ended["status"], ended["do"]) == ("resolved", "")


def test_no_address_of_a_person_leaves():
    sent = document([news(what="jane@example.com said no", subjects=("customer:jane@example.com",))], NOW)
    assert "jane" not in str(sent)


def test_a_long_subject_is_cut_but_says_how_many_more():
    many = [news(what="x" * 400)] * 3
    assert len(subject_line(many)) == 150
    assert subject_line(many).endswith("(and 2 more)")


def test_every_rule_says_what_to_do():
    assert len(TO_DO) == len(RULES)
    assert all(rule.warn and rule.page and rule.do for rule in RULES)

"""The watch at its rounds, on a real store: what is told to whom, once, and what is told again."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.alerts.book import MOST_UNSENT
from app.errors import InstanceMismatch
from app.services import Services, build_services, utc_now
from app.settings import Settings, load_settings
from app.store import look_first, survey
from app.store.instance import born
from app.store.transmissions import Ending, Settlement
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.orders import Order, delivery
from tests.listeners import Listener
from tests.stores import Clock
from workers.watch import REST_SECONDS, Watch

pytestmark = pytest.mark.server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(environment: dict[str, str], listener: Listener, clock: Clock) -> Iterator[Services]:
    """Services of a relay that tells a webhook and Slack, at a time of the test's."""
    urls = {"ALERT_WEBHOOK_URL": f"{listener.url}/hook", "ALERT_SLACK_URL": f"{listener.url}/slack"}
    built = build_services(load_settings({**environment, **urls}), clock)
    yield built
    built.client.close()


def bury(services: Services, failure: str = "mapping") -> Order:
    """One more order, whose sale ends as a dead letter."""
    order = Order()
    services.inbox.admit(arrivals(delivery(order)), "DEMO")
    tid = services.ledger.read(f"l:{ACCOUNT}:order:{order.id}")["f:sale"]
    services.transmissions.claim(tid, "token", "process")
    services.transmissions.settle(tid, "token", Settlement(Ending.DEAD, "no e-mail", failure))
    return order


def look(services: Services, clock: Clock, seconds: float = 10) -> bool:
    """The next round, of a new process: its turn has come."""
    clock.move(seconds)
    if services.client.get("alerts:turn") == b"nobody":
        services.client.delete("alerts:turn")
    return Watch(lambda: services).round()


def told(listener: Listener) -> list[list[tuple[str, str]]]:
    """Name and status of the alerts in each message."""
    return [[(one["name"], one["status"]) for one in message["alerts"]] for message in listener.at("/hook")]


def test_a_dead_sale_is_told_at_once_and_once(here: Services, listener: Listener, clock: Clock):
    order = bury(here)
    for _ in range(4):
        look(here, clock)
    [message] = listener.at("/hook")
    [alert] = message["alerts"]
    assert (alert["name"], alert["severity"], alert["size"]) == ("money_dead", "warn", 1)
    assert alert["subjects"] == [f"order:{order.id}"]
    assert alert["money_cents"] == {"USD": int(order.total * 100)}
    assert "relay dead replay" in alert["do"]
    assert str(order.address) not in str(message)
    assert listener.at("/slack") == [{"text": message["text"]}]


def test_a_sale_that_stays_dead_pages_after_a_quarter_of_an_hour(
    here: Services, listener: Listener, clock: Clock
):
    clock.now = utc_now()
    bury(here)
    for _ in range(4):
        look(here, clock, 295)
    assert [message["alerts"][0]["severity"] for message in listener.at("/hook")] == ["warn", "page"]


def test_what_comes_together_is_told_together_money_first_and_each_end_once(
    here: Services, listener: Listener, clock: Clock
):
    look(here, clock)
    bury(here)
    here.gates.close(ACCOUNT, "auth", "401", 300)
    look(here, clock)
    assert told(listener) == [[("keys_refused", "open"), ("money_dead", "open")]]
    here.gates.open(ACCOUNT)
    look(here, clock)
    look(here, clock)
    assert told(listener)[1:] == [[("keys_refused", "resolved")]]


def test_more_of_the_same_within_the_hour_is_told_when_it_is_tenfold(
    here: Services, listener: Listener, clock: Clock
):
    for number in (1, 8, 1):
        for _ in range(number):
            bury(here)
        look(here, clock)
    assert [message["alerts"][0]["size"] for message in listener.at("/hook")] == [1, 10]
    bury(here)
    look(here, clock)
    look(here, clock, 3600)
    assert [message["alerts"][0]["size"] for message in listener.at("/hook")] == [1, 10, 11]


def test_of_two_processes_only_one_tells(here: Services, listener: Listener):
    bury(here)
    first, second = Watch(lambda: here), Watch(lambda: here)
    assert (first.round(), second.round(), first.round()) == (True, False, False)
    assert 0 < here.client.pttl("alerts:turn") <= REST_SECONDS * 1000
    assert len(listener.at("/hook")) == 1


def test_who_lost_its_turn_writes_and_sends_nothing(here: Services, listener: Listener, monkeypatch: Any):
    """A process that was frozen between its look and its messages finds that another has gone on."""
    bury(here)
    read = here.survey.read

    def slowly() -> Any:
        readings = read()
        here.client.set("alerts:turn", "another")
        return readings

    monkeypatch.setattr(type(here.survey), "read", lambda self: slowly())
    assert Watch(lambda: here).round()
    assert listener.heard == []
    assert here.alerts.read().groups == {}
    assert here.client.get("alerts:turn") == b"another"


def test_a_store_that_was_accepted_anew_is_watched_again(here: Services, settings: Settings):
    watch = Watch(lambda: build_services(settings))
    assert watch.round()
    here.client.set("relay:instance", "another")
    here.client.delete("alerts:turn")
    with pytest.raises(InstanceMismatch):
        watch.round()
    (settings.data_dir / "instance").write_text("another")
    assert watch.round()


def test_a_book_of_another_version_is_begun_anew(here: Services, listener: Listener, clock: Clock):
    """Telling once more is better than falling silent."""
    bury(here)
    look(here, clock)
    here.client.set("alerts:book", b'{"groups": {"x": {"alert": {"colour": "red"}}}}')
    look(here, clock)
    assert told(listener) == [[("money_dead", "open")]] * 2
    assert here.alerts.read().judged_at is not None


def test_a_process_that_died_after_judging_leaves_the_message_to_the_next(
    here: Services, listener: Listener, clock: Clock, monkeypatch: Any
):
    bury(here)

    class Killed(BaseException):
        pass

    def die(services: Services, message: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("workers.watch._sent", die)
        with pytest.raises(Killed):
            look(here, clock)
    assert listener.heard == []
    assert not look(here, clock), "its turn lasts until its time is over"
    here.client.delete("alerts:turn")
    look(here, clock)
    assert told(listener) == [[("money_dead", "open")]]


def test_a_channel_that_fails_gets_it_later_and_the_others_once(
    here: Services, listener: Listener, clock: Clock
):
    listener.status = lambda path: 500 if path == "/slack" else 200
    bury(here)
    look(here, clock)
    [unsent] = here.alerts.read().unsent
    assert unsent.channels == ("slack",)
    look(here, clock, 9)
    assert len(listener.at("/slack")) == 1
    look(here, clock, 9)
    assert len(listener.at("/slack")) == 2
    listener.status = lambda path: 200
    look(here, clock, 300)
    assert (len(listener.at("/hook")), len(listener.at("/slack"))) == (1, 3)
    assert here.alerts.read().unsent == ()


def test_a_channel_that_is_not_set_any_more_is_done(here: Services, listener: Listener, clock: Clock):
    listener.status = lambda path: 500
    bury(here)
    look(here, clock)
    without = replace(here.settings, alert_webhook_url=type(here.settings.alert_webhook_url)())
    other = Services(without, here.client, here.scripts, here.mark, clock)
    listener.status = lambda path: 200
    look(other, clock, 60)
    assert here.alerts.read().unsent == ()


def test_what_cannot_be_sent_does_not_pile_up(here: Services, listener: Listener, clock: Clock):
    listener.status = lambda path: 500
    for n in range(MOST_UNSENT + 5):
        (here.gates.close if n % 2 == 0 else lambda account, *rest: here.gates.open(account))(
            ACCOUNT, "auth", "401", 300
        )
        look(here, clock, 3600)
    assert len(here.alerts.read().unsent) == MOST_UNSENT


def test_alerts_are_told_while_redis_is_full(here: Services, listener: Listener, clock: Clock):
    bury(here)
    used = int(here.client.info("memory")["used_memory"])
    here.client.config_set("maxmemory", used // 2)
    try:
        look(here, clock)
        names = [name for name, _ in told(listener)[0]]
    finally:
        here.client.config_set("maxmemory", 0)
    assert names == ["money_dead", "memory"]


def test_samples_are_taken_every_ten_minutes_and_go_after_eight_days(here: Services, clock: Clock):
    for _ in range(70):
        look(here, clock, 60)
    assert here.client.zcard("alerts:samples") == 7
    past = here.alerts.past(clock())
    assert past.hour is not None
    assert timedelta(minutes=50) <= clock() - past.hour.at <= timedelta(minutes=60)
    assert past.week is None
    look(here, clock, 9 * 86400)
    assert here.client.zcard("alerts:samples") == 1


def test_a_store_that_lost_writes_is_told(here: Services, clock: Clock):
    look_first.begin(here.client)
    clock.now = look_first.since(here.client) or clock.now
    look(here, clock)
    assert set(here.alerts.read().groups) == {"writes_lost"}


def test_a_store_of_today_began_with_nothing(here: Services, clock: Clock):
    """The day's facts are all that there are, whenever the first sample was taken."""
    clock.now = born(here.client)
    bury(here)
    clock.move(3600)
    day = here.alerts.past(clock()).day
    assert day is not None
    assert (day.facts, day.at) == ({}, clock() - timedelta(hours=1))
    look(here, clock)
    clock.move(86400)
    day = here.alerts.past(clock()).day
    assert day is not None
    assert day.facts == {ACCOUNT: 1}


def test_of_more_letters_than_are_read_the_oldest_is_not_overlooked(
    here: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(survey, "MOST_DEAD", 2)
    clock.now = utc_now()
    orders = [bury(here) for _ in range(4)]
    oldest = here.ledger.read(f"l:{ACCOUNT}:order:{orders[0].id}")["f:sale"]
    here.client.zincrby(f"dead:{ACCOUNT}", -86_400_000, oldest)
    here.client.hincrby(f"t:{oldest}", "dd", -86_400_000)
    [reading] = here.survey.read().accounts
    assert reading.dead_count == 4
    assert {one.subject for one in reading.dead} == {f"order:{orders[n].id}" for n in (0, 2, 3)}
    look(here, clock)
    assert {f"dead_waits:{ACCOUNT}"} < set(here.alerts.read().groups)


def test_a_shop_that_fell_silent_is_told_and_that_it_is_back(
    here: Services, listener: Listener, clock: Clock
):
    clock.now = utc_now()
    this = int(clock.now.timestamp()) // 3600
    usual = {str(this - ago): 600 for ago in range(4 * 168 + 4)}
    here.heartbeat.beat({"DEMO": True})
    here.client.hset("heard:DEMO", mapping=usual)  # type: ignore[arg-type]
    look(here, clock)
    assert listener.heard == []
    here.client.hincrby("heard:DEMO", "quiet", -40 * 60_000)
    look(here, clock)
    [message] = listener.at("/hook")
    [alert] = message["alerts"]
    assert (alert["name"], alert["severity"], alert["group"]) == ("silence", "warn", "silence:DEMO")
    assert "nothing has come from the shop for 40 min" in alert["what"]
    assert "relay reconcile" in alert["do"]
    here.heartbeat.beat({"DEMO": True})
    look(here, clock)
    assert told(listener)[1:] == [[("silence", "resolved")]]


def test_the_survey_sees_what_waits_wherever_it_is(here: Services, clock: Clock):
    """Ready, on the Celery queue, and tried again: the oldest of them counts."""
    clock.now = here.survey.read().now.fromtimestamp(time.time(), clock.now.tzinfo)
    order = Order()
    here.inbox.admit(arrivals(delivery(order)), "DEMO")
    [account] = here.survey.read().accounts
    assert here.client.zcard(f"ready:{ACCOUNT}:sale") == 0, "it is on the queue"
    assert account.oldest_money is not None
    assert abs(account.oldest_money - clock()) < timedelta(seconds=30)
    assert account.oldest == account.oldest_money
    assert (account.waiting, account.facts) == (1, 1)
    tid = here.ledger.read(f"l:{ACCOUNT}:order:{order.id}")["f:sale"]
    here.transmissions.claim(tid, "token", "process")
    here.transmissions.settle(
        tid, "token", Settlement(Ending.RETRYING, "no answer", "retryable", delay_seconds=60)
    )
    [account] = here.survey.read().accounts
    assert account.oldest_money is None
    [retried] = account.retried
    assert (retried.subject, retried.money, retried.failure) == (f"order:{order.id}", True, "retryable")

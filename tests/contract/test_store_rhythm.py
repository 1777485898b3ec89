"""How the receiver's beats keep when each shop was heard, in bounded room, on a real store."""

from datetime import timedelta

import pytest

from app import web
from app.errors import StoreUnavailable
from app.services import Services
from app.store.records import milliseconds
from app.web.heartbeat import Heard

pytestmark = pytest.mark.server

HOUR_MS = 3_600_000


def now_ms(services: Services) -> int:
    seconds, microseconds = services.client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def beat(services: Services, **heard: bool) -> bool:
    return services.heartbeat.beat(heard)


def quiet_for(services: Services, merchant: str, **span: float) -> None:
    """It was last heard so long ago."""
    ago = timedelta(**span) / timedelta(milliseconds=1)
    services.client.hset(f"heard:{merchant}", mapping={"quiet": now_ms(services) - int(ago)})


def test_nobody_was_heard_before_the_first_delivery(services: Services):
    assert services.heartbeat.rhythm("DEMO") is None
    beat(services, DEMO=False)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert rhythm.heard_at is None
    assert rhythm.longest == {}


def test_the_longest_silence_of_an_hour_and_each_shop_for_itself(services: Services):
    for minutes in (2, 30, 5):
        quiet_for(services, "DEMO", minutes=minutes)
        beat(services, DEMO=True, OTHER=False)
    rhythm, other = services.heartbeat.rhythm("DEMO"), services.heartbeat.rhythm("OTHER")
    assert rhythm is not None
    assert other is not None
    assert rhythm.longest[max(rhythm.longest)] == timedelta(minutes=30)
    assert rhythm.heard_at == rhythm.quiet_since
    assert abs(milliseconds(rhythm.quiet_since) - now_ms(services)) < 2000
    assert (other.heard_at, other.longest) == (None, {})


def test_a_silence_goes_on_over_beats_and_counts_for_all_its_hours_when_it_ends(services: Services):
    beat(services, DEMO=True)
    quiet_for(services, "DEMO", hours=5)
    beat(services, DEMO=False)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert 17995 < now_ms(services) / 1000 - rhythm.quiet_since.timestamp() < 18005
    assert max(rhythm.longest.values()) < timedelta(minutes=1)
    this = now_ms(services) // HOUR_MS
    beat(services, DEMO=True)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    for hour in range(this - 5, this + 1):
        assert abs(rhythm.longest[hour] - timedelta(hours=5)) < timedelta(seconds=10)


def test_while_no_receiver_ran_it_was_not_the_shop(services: Services):
    beat(services, DEMO=True)
    quiet_for(services, "DEMO", hours=9)
    services.client.set("receiver:alive", now_ms(services) - 8 * HOUR_MS)
    assert beat(services, DEMO=False)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert now_ms(services) / 1000 - rhythm.quiet_since.timestamp() < 5
    # It had been silent for an hour when the receiver went.
    assert abs(max(rhythm.longest.values()) - timedelta(hours=1)) < timedelta(seconds=10)
    assert rhythm.heard_at is not None


def test_four_weeks_are_kept_and_two_of_a_long_silence(services: Services):
    this = now_ms(services) // HOUR_MS
    for ago in range(1, 900):
        services.client.hset("heard:DEMO", str(this - ago), 60)
    beat(services, DEMO=True)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert len(rhythm.longest) in (4 * 168 + 2, 4 * 168 + 3)
    services.client.delete("heard:DEMO")
    quiet_for(services, "DEMO", days=800)
    beat(services, DEMO=True)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert rhythm.longest == {}
    quiet_for(services, "DEMO", days=20)
    beat(services, DEMO=True)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert len(rhythm.longest) in (2 * 168 + 1, 2 * 168 + 2)


def test_a_silence_without_end_fills_nothing_and_forgets_nothing(services: Services):
    """What was usual before it is what it is measured by."""
    this = now_ms(services) // HOUR_MS
    services.client.hset("heard:DEMO", str(this - 5 * 168), 60)
    quiet_for(services, "DEMO", days=15)
    beat(services, DEMO=False)
    rhythm = services.heartbeat.rhythm("DEMO")
    assert rhythm is not None
    assert list(rhythm.longest) == [this - 5 * 168]


def test_the_receivers_own_beat_tells_who_was_heard(services: Services):
    heard = Heard(["DEMO", "OTHER"])
    tell = web._beat(services.settings, heard)
    heard.note("DEMO")
    tell()
    rhythms = [services.heartbeat.rhythm(merchant) for merchant in ("DEMO", "OTHER")]
    assert [rhythm is not None and rhythm.heard_at is not None for rhythm in rhythms] == [True, False]


def test_the_survey_has_it_for_the_rules(services: Services):
    beat(services, DEMO=True)
    readings = services.survey.read()
    assert list(readings.rhythms) == ["DEMO"]
    assert readings.listened_at is not None


def test_a_beat_that_failed_leaves_what_was_heard_to_the_next(services: Services):
    def fail(heard: object) -> bool:
        raise StoreUnavailable("down")

    heard = Heard(["DEMO", "OTHER"])
    heard.note("DEMO")
    with pytest.raises(StoreUnavailable):
        heard.tell(fail)
    told: list[object] = []
    for _ in range(2):
        heard.tell(lambda of: bool(told.append(dict(of))))  # type: ignore[func-returns-value]
    assert told == [{"DEMO": True, "OTHER": False}, {"DEMO": False, "OTHER": False}]

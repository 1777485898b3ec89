"""When a process that died is started again."""

from app.cli.supervisor.loop import RESTART_DELAYS, SETTLED_SECONDS, Slot
from app.cli.supervisor.process import GRACE_SECONDS, ProcessSpec, Stage
from app.web.server import KILL_SECONDS, NOTICE_SECONDS
from workers.dispatcher import END_SECONDS, GIVE_UP_SECONDS


def test_the_first_restart_is_immediate_and_later_ones_stay_below_five_seconds():
    slot = Slot(ProcessSpec("web", ("true",)))
    delays = [slot.next_start(0.0) for _ in range(8)]
    assert delays[:4] == list(RESTART_DELAYS)
    assert delays[0] == 0
    assert max(delays) <= 2


def test_what_ran_for_long_is_forgiven():
    slot = Slot(ProcessSpec("web", ("true",)))
    for _ in range(5):
        slot.next_start(0.0)
    assert slot.next_start(SETTLED_SECONDS) == SETTLED_SECONDS


def test_stopping_is_over_within_thirty_seconds_even_if_nothing_obeys():
    assert sum(GRACE_SECONDS[stage] for stage in Stage) < 30


def test_workers_and_receivers_end_by_themselves_before_they_are_killed():
    assert GIVE_UP_SECONDS < END_SECONDS < GRACE_SECONDS[Stage.WORK]
    assert NOTICE_SECONDS + KILL_SECONDS < GRACE_SECONDS[Stage.WORK]

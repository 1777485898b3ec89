"""When an alert is told: on change, once an hour a group, again when ten times larger, once when it ends."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerts.alert import Alert, Severity
from app.alerts.judge import QUIET, REMINDER, Group, News, judge

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WARN, PAGE = Severity.WARN, Severity.PAGE
MINUTE = timedelta(minutes=1)


def alert(
    size: int = 1, severity: Severity = WARN, group: str = "g", subjects: tuple[str, ...] = ()
) -> Alert:
    return Alert("dead", group, severity, "what", size, subjects)


class Story:
    """Rounds one after the other; answers what each one told."""

    def __init__(self) -> None:
        self.now = START
        self.known: Mapping[str, Group] = {}

    def round(self, *found: Alert, after: timedelta = MINUTE) -> list[tuple[str, str]]:
        self.now += after
        news, self.known = judge(found, self.known, self.now)
        return [(one.alert.group, "ended" if one.resolved else f"{one.alert.size}") for one in news]


def test_it_is_told_once_and_once_when_it_ends():
    story = Story()
    assert story.round(alert()) == [("g", "1")]
    assert story.round(alert()) == []
    assert story.round() == [("g", "ended")]
    assert story.round() == []


def test_more_of_it_waits_for_the_hour():
    story = Story()
    story.round(alert(2))
    assert story.round(alert(3)) == []
    assert story.round(alert(9), after=QUIET) == [("g", "9")]
    # Nothing new is no news, nor is less of it.
    assert story.round(alert(9), after=QUIET) == []
    assert story.round(alert(5), after=QUIET) == []


def test_ten_times_more_does_not():
    story = Story()
    story.round(alert(2))
    assert story.round(alert(19)) == []
    assert story.round(alert(20)) == [("g", "20")]
    assert story.round(alert(199)) == []
    assert story.round(alert(200)) == [("g", "200")]


def test_other_orders_are_a_change():
    story = Story()
    story.round(alert(1, subjects=("order:1",)))
    assert story.round(alert(1, subjects=("order:2",)), after=QUIET) == [("g", "1")]


def test_a_warning_that_becomes_a_page_is_told_at_once():
    story = Story()
    story.round(alert())
    assert story.round(alert(severity=PAGE)) == [("g", "1")]
    assert story.round(alert(severity=WARN)) == []
    assert story.round(alert(severity=PAGE)) == []


def test_what_comes_and_goes_is_told_once_an_hour():
    story = Story()
    story.round(alert())
    assert story.round() == [("g", "ended")]
    for _ in range(20):
        assert story.round(alert()) == []
        assert story.round() == []
    story.round(alert())
    assert story.round(alert(), after=QUIET) == [("g", "1")]


def test_what_stays_is_recalled_once_a_day():
    story = Story()
    story.round(alert())
    assert story.round(alert(), after=REMINDER - MINUTE) == []
    assert story.round(alert()) == [("g", "1")]


def test_each_group_is_told_for_itself_in_the_order_found_and_ends_last():
    story = Story()
    story.round(alert(group="a"))
    assert story.round(alert(group="b"), alert(group="c")) == [("b", "1"), ("c", "1"), ("a", "ended")]


rounds = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.dictionaries(
            st.sampled_from("ab"), st.tuples(st.integers(1, 500), st.sampled_from([WARN, PAGE])), max_size=2
        ),
    ),
    max_size=40,
)


@given(rounds)
def test_whatever_happens(told_rounds):
    """No group is told twice within an hour but for a page or ten times the size; each end is told once."""
    known: Mapping[str, Group] = {}
    now, openings = START, Counter[str]()
    last: dict[str, tuple[datetime, Alert]] = {}
    for minutes, found in told_rounds:
        now += timedelta(minutes=minutes)
        alerts = [alert(size, severity, group) for group, (size, severity) in found.items()]
        news, known = judge(alerts, known, now)
        assert judge(alerts, known, now)[0] == []
        for one in news:
            check(one, last, openings, now)
        for group in found:
            # What is open was told, or was told under this name within the hour.
            assert now - last[group][0] < QUIET or not known[group].news
        assert all(found.get(name) or now - one.told.at < QUIET for name, one in known.items() if one.told)


def check(one: News, last: dict[str, tuple[datetime, Alert]], openings: Counter[str], now: datetime) -> None:
    """Whether this may be told, after what was told last."""
    group = one.alert.group
    if one.resolved:
        openings[group] -= 1
        assert openings[group] == 0, "an end without a beginning, or a second one"
        return
    openings[group] = 1
    if group in last:
        at, before = last[group]
        worse = before.severity is WARN and one.alert.severity is PAGE
        assert now - at >= QUIET or worse or one.alert.size >= 10 * before.size
    last[group] = (now, one.alert)

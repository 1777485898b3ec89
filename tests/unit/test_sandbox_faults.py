"""Which rules fire."""

import pytest

from app.sandbox.faults import BadRule, Faults, Seen

GET = Seen("GET", "/ontraport/1/Contacts", "", 0)


def answers(status, **rule):
    return {"do": {"kind": "answer", "status": status}, **rule}


def faults(*rules, now=lambda: 0.0):
    made = Faults(now)
    made.replace(list(rules))
    return made


def test_only_the_first_deciding_rule_fires_and_the_others_keep_their_times():
    made = faults(answers(500, times=1), answers(502, times=1))
    fired = [made.fire(GET).first("answer") for _ in range(3)]
    assert [fault and fault.options["status"] for fault in fired] == [500, 502, None]


def test_rules_that_do_not_decide_add_up():
    latency = {"do": {"kind": "latency", "seconds": 2}}
    fired = faults(latency, answers(500), latency, {"do": {"kind": "lag", "seconds": 9}}).fire(GET)
    assert (fired.seconds("latency"), fired.seconds("lag"), fired.seconds("race")) == (4, 9, 0)
    assert fired.first("answer", "reset") is not None


def test_a_rule_lives_for_its_seconds():
    now = [0.0]
    made = faults(answers(401, for_seconds=60), now=lambda: now[0])
    assert made.fire(GET)
    now[0] = 60.0
    assert not made.fire(GET)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"method": "get"}, True),
        ({"method": "POST"}, False),
        ({"path": "/Contacts"}, True),
        ({"path": "/Contact"}, False),
        ({"path": "/Con.*"}, True),
        ({"path": "/ontraport/1/Contacts"}, True),
        ({"object": 0}, True),
        ({"object": 46}, False),
        ({"body_contains": "x"}, False),
    ],
)
def test_every_part_of_match_must_hold(match, expected):
    assert bool(faults(answers(500, match=match)).fire(GET)) is expected


def test_a_bad_rule_leaves_the_old_ones_in_force():
    made = faults(answers(500))
    with pytest.raises(BadRule):
        made.replace([answers(503), {"do": {"kind": "nothing"}}])
    assert made.describe() == [{"do": {"kind": "answer", "status": 500}, "matched": 0, "fired": 0}]

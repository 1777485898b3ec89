"""The quarantine: nothing leaves it without a trace, and what can be read after all goes its way."""

import gzip
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.delivery.rereading import read_again
from app.events import Unreadable
from app.services import DAY, Services, utc_now
from app.store.quarantine import Unread, grouped
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.orders import Order, delivery

pytestmark = pytest.mark.server

BODY = b'{"events": ['


def keep(services: Services, body: bytes = BODY, reason: str = "it is cut off") -> str:
    """Puts a body into quarantine; its id."""
    [event_id] = services.inbox.admit([Unreadable(reason, body)], "DEMO").ids
    return event_id


def shown(services: Services, event_id: str) -> Unread:
    """What is known of it."""
    found = services.quarantine.show(event_id)
    assert found is not None
    return found


def sold(services: Services) -> int:
    """How many sales are on their way."""
    return services.log.counts(ACCOUNT).states.get("sale", {}).get("ready", 0)


def test_what_was_discarded_stays_to_be_read_with_who_and_why(services: Services):
    event_id, other = keep(services), keep(services)
    assert services.quarantine.discard(event_id, actor="ann", reason="a test")
    assert not services.quarantine.discard(event_id, actor="bob", reason="again")
    assert not services.quarantine.discard("never", actor="ann", reason="a test")
    assert [one.id for one in services.quarantine.find()] == [other]
    assert services.log.quarantined() == 1

    [gone] = services.quarantine.find(closed=True)
    assert gone == shown(services, event_id)
    assert (gone.body, gone.reason, gone.merchant_id) == (BODY, "it is cut off", "DEMO")
    assert gone.closing is not None
    assert (gone.closing.state, gone.closing.actor, gone.closing.reason) == ("discarded", "ann", "a test")
    assert abs(gone.closing.at - utc_now()) < timedelta(minutes=5)


def test_its_body_goes_before_the_rest(services: Services):
    event_id = keep(services)
    services.quarantine.discard(event_id, actor="ann", reason="a test")
    ends = {name: int(services.client.ttl(f"{name}:{event_id}")) for name in ("q", "qc")}
    assert ends["q"] == pytest.approx(services.settings.payload_days * DAY, abs=600)
    assert ends["qc"] == pytest.approx(services.settings.exchange_days * DAY, abs=600)
    services.client.delete(f"q:{event_id}")
    gone = shown(services, event_id)
    assert (gone.body, gone.reason) == (b"", "it is cut off")
    services.client.delete(f"qc:{event_id}")
    assert services.quarantine.show(event_id) is None
    assert list(services.quarantine.find(closed=True)) == []


def test_the_list_of_what_was_discarded_does_not_grow_for_ever(services: Services):
    old = keep(services)
    services.quarantine.discard(old, actor="ann", reason="a test")
    services.client.zadd("quarantine:closed", {old: 1})
    services.quarantine.discard(keep(services), actor="ann", reason="a test")
    assert services.client.zcard("quarantine:closed") == 1


@pytest.mark.parametrize("sent", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_what_can_be_read_now_goes_its_way(services: Services, sent: Callable[[bytes], bytes]):
    event_id = keep(services, sent(delivery(Order())), "The receiver itself failed on it")
    told = read_again(services, shown(services, event_id), actor="ann")
    assert told.admission is not None
    assert (told.admission.accepted, told.admission.quarantined) == (1, 0)
    assert (sold(services), services.log.quarantined()) == (1, 0)
    closing = shown(services, event_id).closing
    assert closing is not None
    assert (closing.state, closing.actor) == ("read", "ann")
    assert closing.reason == "read again: 1 accepted, 0 known, 0 ignored"


def test_what_came_in_another_way_since_is_not_taken_twice(services: Services):
    order = Order()
    event_id = keep(services, delivery(order))
    services.inbox.admit(arrivals(delivery(order)), "DEMO")
    told = read_again(services, shown(services, event_id), actor="ann")
    assert told.admission is not None
    assert (told.admission.accepted, told.admission.duplicates) == (0, 1)
    assert (sold(services), services.log.quarantined()) == (1, 0)


def test_what_still_cannot_be_read_stays(services: Services):
    event_id = keep(services)
    told = read_again(services, shown(services, event_id), actor="ann")
    assert told.admission is None
    assert "cannot be read" in told.reason
    assert [one.id for one in services.quarantine.find()] == [event_id]


def test_what_is_read_in_part_leaves_the_rest_in_quarantine(services: Services):
    event_id = keep(services, delivery(Order()).replace(b"]}", b",5]}"))
    told = read_again(services, shown(services, event_id), actor="ann")
    assert told.admission is not None
    assert (told.admission.accepted, told.admission.quarantined) == (1, 1)
    [rest] = services.quarantine.find()
    assert (rest.body, rest.id != event_id) == (b"5", True)


def test_a_merchant_that_the_settings_no_longer_have_is_not_guessed(services: Services):
    [event_id] = services.inbox.admit([Unreadable("no", BODY)], "GONE").ids
    told = read_again(services, shown(services, event_id), actor="ann")
    assert (told.admission, told.reason) == (None, "merchant GONE is not in the settings")


def test_groups_tell_how_often_what_happened(services: Services):
    for reason in ("it is cut off", "it is no list", "it is cut off"):
        keep(services, reason=reason)
    groups = grouped(services.quarantine.find())
    assert [(one.merchant_id, one.reason, one.count) for one in groups] == [
        ("DEMO", "it is cut off", 2),
        ("DEMO", "it is no list", 1),
    ]
    assert groups[0].oldest <= groups[0].latest

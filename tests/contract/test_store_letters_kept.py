"""What a dead letter keeps of its attempts, and of the people who look after it."""

from datetime import timedelta

import orjson
import pytest

from app.events import Exchange, Versions
from app.policies import POLICIES
from app.services import utc_now
from app.store.letters import DeadLetter, document
from app.store.records import Codec
from app.store.transmissions import Ending, Settlement
from tests.stores import ACCOUNT, Store

pytestmark = pytest.mark.server

THEN = Versions("0.1.0+abc", "1a2b3c4d", "5e6f7a8b")


def dead(store: Store, versions: Versions = THEN) -> str:
    """A sale that died under these versions."""
    tid = store.sale("order:DEMO-7")
    store.settle(store.claim(tid), Ending.DEAD, "no", failure="invalid", versions=versions)
    return tid


def shown(store: Store, tid: str) -> DeadLetter:
    """The dead letter of that id."""
    letter = store.letters.show(tid)
    assert letter is not None
    return letter


def test_the_versions_of_its_last_attempt(store: Store):
    tid = dead(store)
    letter = shown(store, tid)
    assert letter.versions == THEN
    newer = THEN._replace(mapping="another")
    assert store.letters.replay(tid)
    store.settle(store.claim(tid), Ending.DEAD, "no", versions=newer)
    again = shown(store, tid)
    assert again.versions == newer


def test_who_gives_up_without_an_attempt_of_its_own_takes_none_away(store: Store):
    tid = store.sale()
    store.settle(store.claim(tid), Ending.RETRYING, versions=THEN)
    store.pass_time(tid)
    store.settle(store.claim(tid), Ending.DEAD, "no")
    letter = shown(store, tid)
    assert letter.versions == THEN


def test_its_effect_and_how_long_it_is_tried(store: Store):
    letter = shown(store, dead(store))
    assert letter.created_at
    assert letter.effect == f"{ACCOUNT}/sale/order:DEMO-7"
    assert letter.deadline == letter.created_at + POLICIES[letter.kind].max_age  # type: ignore[index]
    told = orjson.loads(orjson.dumps(document(letter)))
    assert told["versions"] == THEN._asdict()
    assert told["effect"] == letter.effect
    assert told["deadline"]


def test_a_record_of_an_older_version_reads_without_all_this(store: Store):
    tid = dead(store, Versions())
    letter = shown(store, tid)
    assert (letter.versions, letter.owner, letter.note, letter.deeds) == (Versions(), "", "", ())
    assert "limits" not in Codec().unpack_exchange(Codec().pack_exchange(exchange()))


def exchange(**more: object) -> Exchange:
    """An exchange as a client makes it."""
    return Exchange("POST", "/x", "{}", 429, "{}", utc_now(), 12, **more)  # type: ignore[arg-type]


def test_an_exchange_keeps_its_attempt_and_what_a_refusal_said_of_the_limits():
    limits = {"X-Rate-Limit-Remaining": "0"}
    told = Codec().unpack_exchange(Codec().pack_exchange(exchange(attempt=3, limits=limits)))
    assert (told["attempt"], told["limits"]) == (3, limits)


def test_somebody_looks_after_it_through_every_replay(store: Store):
    tid = dead(store)
    assert store.letters.assign(tid, actor="ann", owner="bob", note="asked the\tshop\n about it")
    letter = shown(store, tid)
    assert (letter.owner, letter.note) == ("bob", "asked the shop about it")
    assert store.letters.replay(tid, "bob")
    assert store.letters.assign(tid, actor="ann", owner="ann") is False
    store.bury(tid)
    assert store.letters.assign(tid, actor="bob", owner="")
    again = shown(store, tid)
    assert (again.owner, again.note) == ("", "")
    assert [(one.actor, one.what) for one in again.deeds] == [
        ("ann", "given to bob: asked the shop about it"),
        ("bob", "sent again"),
        ("bob", "given to nobody"),
    ]
    assert all(abs(one.at - utc_now()) < timedelta(minutes=5) for one in again.deeds)


def test_a_replay_that_names_nobody_leaves_no_trail(store: Store):
    tid = dead(store)
    store.letters.replay(tid)
    store.bury(tid)
    letter = shown(store, tid)
    assert (letter.replays, letter.deeds) == (1, ())


def test_the_trail_has_an_end(store: Store):
    tid = dead(store)
    for number in range(40):
        store.letters.assign(tid, actor="a script", owner="x", note=f"{number} {'y' * 1000}")
    letter = shown(store, tid)
    assert 10 < len(letter.deeds) < 20
    assert letter.deeds[-1].what.startswith("given to x: 39 ")
    assert len(store.field(tid, "tr")) <= 8000


def test_the_last_of_its_kind_that_was_delivered_by_a_request(store: Store):
    first, second = store.sale("order:1"), store.sale("order:2")
    claimed = store.claim(first)
    store.transmissions.settle(
        first, claimed.token, Settlement(Ending.DELIVERED), [Codec().pack_exchange(exchange())]
    )
    store.deliver(second)
    assert store.letters.last_delivered(ACCOUNT, "sale") == first
    assert store.letters.last_delivered(ACCOUNT, "refund") == ""
    history = store.letters.history(first)
    assert (history.event_name, len(history.exchanges)) == ("order_create", 1)
    assert store.letters.history("never.1").exchanges == ()


def test_only_a_dead_one_has_an_owner(store: Store):
    tid = store.sale()
    assert not store.letters.assign(tid, actor="ann", owner="ann")
    assert not store.letters.assign("never.1", actor="ann", owner="ann")
    assert store.field(tid, "ow") == ""
    assert not store.client.exists("t:never.1")

"""Deliveries that come at the same moment go to the store in one call, and each is told of its own alone."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.errors import InstanceMismatch, RelayError, StoreUnavailable
from app.events import Admission, Unreadable
from app.services import utc_now
from app.store.async_inbox import WORTH_A_CALL, AsyncInbox
from app.store.connection import connect_async
from app.store.inbox import Items
from app.store.records import Codec
from tests.servers import Valkey
from tests.stores import EXCHANGE_SECONDS, MARK, PAYLOAD_SECONDS, Store, arrival, fact

pytestmark = pytest.mark.server


class Receiver:
    """An inbox on an event loop that lasts."""

    def __init__(self, store: Store, valkey: Valkey) -> None:
        self._runner = asyncio.Runner()
        spans: dict[str, Any] = {"payload_seconds": PAYLOAD_SECONDS, "exchange_seconds": EXCHANGE_SECONDS}
        connect = connect_async(valkey.url, tls_verify=True)
        self._inbox = AsyncInbox(connect, store.client, store.scripts, mark=MARK, clock=utc_now, **spans)

    def admit(self, *deliveries: Items, merchant_ids: Sequence[str] = ()) -> list[Admission | BaseException]:
        """All at the same moment; what each is told, in their order."""
        whose = merchant_ids or ["DEMO"] * len(deliveries)

        async def together() -> list[Admission | BaseException]:
            calls = (self._inbox.admit_async(one, who) for one, who in zip(deliveries, whose, strict=True))
            return await asyncio.gather(*calls, return_exceptions=True)

        return self._runner.run(together())

    def end(self) -> None:
        self._runner.run(self._inbox.close_async())
        self._runner.close()


@pytest.fixture
def receiver(store: Store, valkey: Valkey) -> Iterator[Receiver]:
    one = Receiver(store, valkey)
    one.admit([arrival(ignored=True)])
    yield one
    one.end()


def calls_of_scripts(valkey: Valkey) -> int:
    return int(valkey.client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


def test_small_deliveries_of_one_moment_are_one_call(
    receiver: Receiver, store: Store, valkey: Valkey
) -> None:
    before = calls_of_scripts(valkey)
    told = receiver.admit(*([arrival(fact(f"order:{n}"))] for n in range(WORTH_A_CALL)))
    assert calls_of_scripts(valkey) == before + 1
    assert [one.accepted for one in told if isinstance(one, Admission)] == [1] * WORTH_A_CALL
    assert len(store.waiting()) + len(store.handed()) == WORTH_A_CALL


def test_what_is_enough_for_a_call_goes_at_once(receiver: Receiver, valkey: Valkey) -> None:
    before = calls_of_scripts(valkey)
    large = [arrival(fact(f"order:{n}")) for n in range(WORTH_A_CALL)]
    small = [[arrival()] for n in range(2 * WORTH_A_CALL)]
    told = receiver.admit(large, *small)
    assert calls_of_scripts(valkey) == before + 3
    assert [one.accepted for one in told if isinstance(one, Admission)] == [WORTH_A_CALL, *[1] * len(small)]


def test_each_is_told_of_its_own(receiver: Receiver, store: Store) -> None:
    known = arrival(fact("order:known"))
    (first,) = store.inbox.admit([known], "DEMO").ids
    new, unreadable = arrival(fact("order:new")), Unreadable("not JSON", b"{")
    one, two, three = receiver.admit([new, known], [unreadable], [arrival(ignored=True), new, arrival()])
    assert isinstance(one, Admission)
    assert isinstance(two, Admission)
    assert isinstance(three, Admission)
    assert (one.accepted, one.duplicates, one.ids[1]) == (1, 1, first)
    assert (two.quarantined, len(two.ids)) == (1, 1)
    assert (three.accepted, three.duplicates, three.ignored) == (1, 1, 1)
    assert three.ids[1] == one.ids[0]
    assert len({*one.ids, *two.ids, *three.ids}) == 5


def test_whose_it_is_stays_with_it(receiver: Receiver, store: Store) -> None:
    unreadable = [[Unreadable("not JSON", b"{")], [Unreadable("not JSON", b"[")]]
    told = receiver.admit(*unreadable, merchant_ids=["ONE", "TWO"])
    kept = [store.client.get(f"q:{one.ids[0]}") for one in told if isinstance(one, Admission)]
    assert [Codec().unpack_event(record)[1] for record in kept if record] == ["ONE", "TWO"]  # type: ignore[arg-type]


def test_what_the_store_refuses_for_one_is_taken_for_the_others(receiver: Receiver, store: Store) -> None:
    store.client.set("l:ontraport:DEMO:order:broken", "not a row")
    before, broken, after = receiver.admit(
        [arrival(fact("order:before"))], [arrival(fact("order:broken"))], [arrival(fact("order:after"))]
    )
    assert isinstance(before, Admission)
    assert isinstance(broken, StoreUnavailable)
    assert isinstance(after, Admission)
    assert before.accepted == after.accepted == 1


def test_what_cannot_be_packed_is_its_own_trouble(receiver: Receiver) -> None:
    fine = arrival(fact("order:fine"))
    odd = fine._replace(event=fine.event._replace(raw="text where bytes belong"))  # type: ignore[arg-type]
    told = receiver.admit([odd], [fine])
    assert isinstance(told[0], TypeError)
    assert isinstance(told[1], Admission)


def test_a_store_that_is_not_ours_takes_none_of_them(receiver: Receiver, store: Store) -> None:
    store.client.set("relay:instance", "another")
    told = receiver.admit([arrival(fact("order:1"))], [arrival(fact("order:2"))])
    assert [type(one) for one in told] == [InstanceMismatch, InstanceMismatch]


def test_a_store_that_hangs_is_told_to_all(receiver: Receiver, valkey: Valkey) -> None:
    with valkey.frozen():
        told = receiver.admit([arrival(fact("order:1"))], [arrival(fact("order:2"))])
    assert all(isinstance(one, RelayError) for one in told)
    again = receiver.admit([arrival(fact("order:3"))])
    assert isinstance(again[0], Admission)

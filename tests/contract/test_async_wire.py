"""The event loop's connection: every task gets its own answer and no other, whatever happens to them."""

import asyncio
import shutil
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from app.store.async_wire import AsyncWire
from app.store.connection import connect_async
from tests.certificates import certificate
from tests.servers import Valkey, free_port, wait_until

pytestmark = pytest.mark.server

ECHO = """#!lua
if ARGV[1] == 'no' then return redis.error_reply('NO') end
return {ARGV[1], redis.call('INCR', 'n')}
"""
OPEN_FILES = Path("/proc/self/fd")
Scene = Callable[[AsyncWire], Coroutine[Any, Any, None]]
Play = Callable[[Scene], None]


@pytest.fixture
def play(valkey: Valkey) -> Play:
    """Plays a scene on a loop of its own, with a wire of its own."""

    async def begin(scene: Scene) -> None:
        wire = AsyncWire(connect_async(valkey.url, tls_verify=True), ECHO)
        await scene(wire)
        await wire.close()

    return lambda scene: asyncio.run(begin(scene))


async def echo(wire: AsyncWire, word: str, seconds: float = 60.0) -> str:
    answer: list[bytes] = await wire.run((word,), time.monotonic() + seconds)
    return answer[0].decode()


def test_tasks_get_their_own_answers_on_one_connection(play: Play, valkey: Valkey, others: set[str]) -> None:
    words = [f"word-{number}" + "x" * (number * 100) for number in range(400)]

    async def scene(wire: AsyncWire) -> None:
        assert await asyncio.gather(*(echo(wire, word) for word in words)) == words
        assert len(valkey.connections() - others) == 1
        assert {one["resp"] for one in valkey.client.client_list() if one["id"] not in others} == {"2"}

    play(scene)
    assert valkey.client.get("n") == b"400"


def test_what_the_script_refuses_is_the_callers_alone(play: Play) -> None:
    async def scene(wire: AsyncWire) -> None:
        found = await asyncio.gather(*(echo(wire, word) for word in ("a", "no", "b")), return_exceptions=True)
        assert [str(one) for one in found] == ["a", "ERR NO", "b"]
        assert isinstance(found[1], redis.ResponseError)

    play(scene)


def test_a_script_that_the_server_forgot_is_loaded_and_run_once(play: Play, valkey: Valkey) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        valkey.client.script_flush()
        assert await asyncio.gather(*(echo(wire, word) for word in "bcd")) == list("bcd")

    play(scene)
    assert valkey.client.get("n") == b"4"


def test_a_connection_that_was_closed_while_it_lay_still_costs_nobody_a_delivery(
    play: Play, valkey: Valkey, others: set[str]
) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        (before,) = valkey.connections() - others
        valkey.client.client_kill_filter(_id=before)
        await asyncio.sleep(0.1)
        assert await echo(wire, "b") == "b"
        assert before not in valkey.connections()

    play(scene)


def test_a_server_that_dies_fails_all_who_wait_and_is_found_again(play: Play, valkey: Valkey) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        valkey.client.client_pause(60_000, all=True)
        waiting = [asyncio.ensure_future(echo(wire, str(n), seconds=60.0)) for n in range(5)]
        await asyncio.sleep(0.05)
        valkey.kill()
        for one in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(one, redis.ConnectionError)
        with pytest.raises((redis.ConnectionError, OSError)):
            await echo(wire, "too early")
        valkey.start()
        assert await echo(wire, "b") == "b"

    play(scene)


def test_a_server_that_hangs_is_given_up_by_everybody(play: Play, valkey: Valkey) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        with valkey.frozen():
            calls = (echo(wire, str(n), seconds=0.2) for n in range(8))
            for one in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(one, redis.TimeoutError)
            with pytest.raises(redis.TimeoutError):
                await echo(wire, "on a new connection", seconds=0.2)
        assert await echo(wire, "b") == "b"

    play(scene)


def test_what_a_server_that_hangs_did_not_read_is_not_kept_for_it(play: Play, valkey: Valkey) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        open_files = len(list(OPEN_FILES.iterdir()))
        with valkey.frozen():
            with pytest.raises(redis.TimeoutError):
                await echo(wire, "a" * 16_000_000, seconds=0.2)
            while len(list(OPEN_FILES.iterdir())) >= open_files:
                await asyncio.sleep(0.01)
        assert await echo(wire, "b") == "b"

    play(lambda wire: asyncio.wait_for(scene(wire), 60))


def test_who_gives_up_alone_leaves_the_others_their_answers(
    play: Play, valkey: Valkey, others: set[str]
) -> None:
    """The server is slow, not gone: answers go on coming, and the late one is nobody's."""

    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        valkey.client.client_pause(300, all=True)
        patient = [asyncio.ensure_future(echo(wire, f"patient-{n}", seconds=10.0)) for n in range(3)]
        await asyncio.gather(*patient)
        (line,) = valkey.connections() - others
        slow = asyncio.ensure_future(wire.run(("x" * 10,), time.monotonic() + 10.0))
        gone = asyncio.ensure_future(echo(wire, "gone", seconds=10.0))
        gone.cancel()
        assert (await slow)[0] == b"x" * 10
        assert await echo(wire, "next") == "next"
        assert valkey.connections() - others == {line}

    play(scene)


def test_without_time_nothing_is_waited_for(play: Play) -> None:
    async def scene(wire: AsyncWire) -> None:
        with pytest.raises(redis.TimeoutError):
            await echo(wire, "x", seconds=-1.0)
        assert await echo(wire, "y") == "y"
        with pytest.raises(redis.TimeoutError):
            await echo(wire, "z", seconds=-1.0)

    play(scene)


def test_a_server_that_became_a_copy_is_left(play: Play, valkey: Valkey, others: set[str]) -> None:
    async def scene(wire: AsyncWire) -> None:
        assert await echo(wire, "a") == "a"
        (before,) = valkey.connections() - others
        valkey.client.replicaof("127.0.0.1", free_port())
        with pytest.raises(redis.ResponseError, match="READONLY"):
            await echo(wire, "b")
        valkey.client.replicaof("NO", "ONE")
        assert await echo(wire, "c") == "c"
        assert before not in valkey.connections()

    play(scene)


def test_a_password_and_a_number_of_a_database(valkey: Valkey) -> None:
    async def scene() -> None:
        wire = AsyncWire(connect_async(f"redis://:hush@127.0.0.1:{valkey.port}/3", tls_verify=True), ECHO)
        assert await echo(wire, "a") == "a"
        await wire.close()
        wrong = AsyncWire(connect_async(f"redis://:loud@127.0.0.1:{valkey.port}/3", tls_verify=True), ECHO)
        with pytest.raises(redis.RedisError):
            await echo(wrong, "a")

    valkey.client.config_set("requirepass", "hush")
    try:
        asyncio.run(scene())
    finally:
        valkey.client.config_set("requirepass", "")
    assert valkey.client.info("keyspace")["db3"]["keys"] == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing: no certificate can be made")
def test_a_sealed_connection(valkey: Valkey, tmp_path: Path) -> None:
    """Heroku's Redis has a certificate that signed itself: taken only when it is said not to look."""
    seal = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    seal.load_cert_chain(certificate(tmp_path, "DNS:redis.example.com"))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", valkey.port)
        await asyncio.gather(copied(reader, inner[1]), copied(inner[0], writer))

    async def scene() -> None:
        server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=seal)
        url = f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        wire = AsyncWire(connect_async(url, tls_verify=False), ECHO)
        words = [str(number) * 1000 for number in range(50)]
        assert await asyncio.gather(*(echo(wire, word) for word in words)) == words
        await wire.close()
        careful = AsyncWire(connect_async(url, tls_verify=True), ECHO)
        with pytest.raises(redis.ConnectionError, match="certificate"):
            await echo(careful, "a")
        server.close()

    asyncio.run(scene())


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, until it ends."""
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
    writer.close()


def test_a_wire_that_is_given_up_leaves_no_connection_behind(valkey: Valkey, others: set[str]) -> None:
    async def scene() -> None:
        wire = AsyncWire(connect_async(valkey.url, tls_verify=True), ECHO)
        assert await echo(wire, "a") == "a"
        del wire
        while valkey.connections() != others:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_a_wire_that_is_given_up_as_its_loop_ends_leaves_no_connection_behind(
    valkey: Valkey, others: set[str]
) -> None:
    async def scene() -> None:
        wire = AsyncWire(connect_async(valkey.url, tls_verify=True), ECHO)
        assert await echo(wire, "a") == "a"

    asyncio.run(scene())
    wait_until(lambda: valkey.connections() == others)

"""The connection to a Valkey server that all requests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from closeshave.control.processes import poll_until
from closeshave.standin.breaker import FAILURES
from closeshave.standin.caches import TIMEOUT_S, Tier
from closeshave.standin.wire import Lost, QueryRefused, ReadOnly, Wire
from tests.standin.servers import Valkey, free_port, valkey

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def store() -> Iterator[Valkey]:
    """A server."""
    with valkey() as server:
        yield server


def talk(store: Valkey, scene: Callable[[Wire], Coroutine[Any, Any, None]]) -> None:
    """Run a scene with a new connection."""

    async def talked() -> None:
        wire = await Wire.connect("127.0.0.1", store.port)
        try:
            await scene(wire)
        finally:
            wire.close()

    asyncio.run(talked())


def test_every_request_gets_its_own_answer(store: Valkey) -> None:
    """For any number of simultaneous requests and any length of the answers."""

    async def ask(wire: Wire, number: int) -> None:
        key, value = f"key:{number}", b"%d" % number * (1 + number * 7 % 3000)
        assert await wire.ask([("SET", key, value), ("GET", key)], 5) == [b"OK", value]
        assert await wire.ask([("GET", f"none:{number}")], 5) == [None]

    async def scene(wire: Wire) -> None:
        await asyncio.gather(*(ask(wire, number) for number in range(300)))

    talk(store, scene)


def test_a_late_answer_is_dropped_and_affects_no_other(store: Valkey) -> None:
    """Later requests get the right answers on the same connection."""

    async def scene(wire: Wire) -> None:
        await wire.ask([("SET", "a", "1"), ("SET", "b", "2")], 5)
        with store.frozen(), pytest.raises(TimeoutError):
            await wire.ask([("GET", "a")], 0.05)
        assert await wire.ask([("GET", "b")], 5) == [b"2"]

    talk(store, scene)


def test_errors_of_the_server_are_distinguished(store: Valkey) -> None:
    """A demoted primary refuses writes; that is not the same as an invalid command."""

    async def scene(wire: Wire) -> None:
        await wire.ask([("SET", "text", "x")], 5)
        with pytest.raises(QueryRefused, match="not an integer"):
            await wire.ask([("SET", "other", "1"), ("INCR", "text")], 5)
        await wire.ask([("REPLICAOF", "127.0.0.1", "1")], 5)
        try:
            with pytest.raises(ReadOnly):
                await wire.ask([("SET", "text", "y")], 5)
        finally:
            await wire.ask([("REPLICAOF", "NO", "ONE")], 5)
        assert await wire.ask([("GET", "text")], 5) == [b"x"]

    talk(store, scene)


def test_waiting_requests_fail_when_the_connection_ends() -> None:
    """At once, not after the timeout; and so do later requests."""

    async def talked() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        port = free_port()
        async with await asyncio.start_server(hang_up, "127.0.0.1", port):
            wire = await Wire.connect("127.0.0.1", port)
            with pytest.raises(Lost):
                await asyncio.wait_for(wire.ask([("GET", "a")], 600), 60)
            assert wire.closed
            with pytest.raises(Lost):
                await wire.ask([("GET", "a")], 600)

    asyncio.run(talked())


def test_a_server_with_another_protocol_is_disconnected() -> None:
    """Its bytes are no answer."""

    async def talked() -> None:
        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        port = free_port()
        async with await asyncio.start_server(babble, "127.0.0.1", port):
            wire = await Wire.connect("127.0.0.1", port)
            with pytest.raises(Lost):
                await wire.ask([("GET", "a")], 5)

    asyncio.run(talked())


def test_a_tier_connects_once_for_all_and_again_when_it_was_lost() -> None:
    """While it is lost requests get nothing, soon without waiting; a probe finds it again."""

    async def used(store: Valkey) -> None:
        tier = Tier("cache", "127.0.0.1", store.port)
        asked = await asyncio.gather(*(tier.run(("SET", f"k{number}", number)) for number in range(50)))
        assert asked == [[b"OK"]] * 50
        client = store.client()
        assert len(client.client_list()) == 2  # the tier's, and this one
        store.stop()
        for _ in range(FAILURES):
            assert await tier.run(("GET", "k1")) is None
        assert tier.breaker.open
        assert not await tier.probe()
        await asyncio.to_thread(store.start)
        assert await tier.probe()
        assert await tier.run(("GET", "k1")) == [None]
        tier.close()

    with valkey() as store:
        asyncio.run(used(store))


def test_a_frozen_tier_delays_requests_only_briefly() -> None:
    """Each waits for its timeout at most, and after a few none waits at all; the frozen connection is not used again."""

    async def used(store: Valkey) -> None:
        tier = Tier("cache", "127.0.0.1", store.port)
        assert await tier.run(("SET", "a", "1")) == [b"OK"]
        with store.frozen():
            async with asyncio.timeout(20 * TIMEOUT_S):
                assert await asyncio.gather(*(tier.run(("GET", "a")) for _ in range(FAILURES))) == [None] * FAILURES
            assert tier.breaker.open
        client = store.client()
        assert await asyncio.to_thread(poll_until, lambda: len(client.client_list()) == 1, 5)
        assert await tier.probe()
        assert await tier.run(("GET", "a")) == [b"1"]
        tier.close()

    with valkey() as store:
        asyncio.run(used(store))

"""The pool of connections: never more than its size, no waiting request forgotten, no closed or expired connection used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.standin.pool import DatabasePool

SIZE = 2


class Plug:
    """What the pool needs of a connection."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.closed

    def terminate(self) -> None:
        """End it."""
        self.closed = True


class Server:
    """Makes connections, or refuses to."""

    def __init__(self) -> None:
        self.made: list[Plug] = []
        self.refuses = False
        self.takes_s = 0.0

    async def connect(self) -> Plug:
        """A new connection."""
        await asyncio.sleep(self.takes_s)
        if self.refuses:
            raise ConnectionRefusedError
        self.made.append(Plug())
        return self.made[-1]

    @property
    def open(self) -> int:
        """Connections that have not ended."""
        return sum(not plug.closed for plug in self.made)


Scene = Callable[[DatabasePool, Server], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    """Run a scene with a new pool."""

    async def played() -> None:
        server = Server()
        await scene(DatabasePool(server.connect, SIZE), server)

    asyncio.run(played())


def test_the_connection_that_was_released_last_is_acquired_first() -> None:
    """So the fewest are kept busy."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        first, second = await pool.acquire(1), await pool.acquire(1)
        pool.release(second)
        pool.release(first)
        assert await pool.acquire(1) is first
        assert len(server.made) == SIZE

    play(scene)


def test_a_request_waits_for_its_turn_and_not_longer_than_its_timeout() -> None:
    """First come, first served; after its timeout a request leaves the queue."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        lent = [await pool.acquire(1) for _ in range(SIZE)]
        with pytest.raises(TimeoutError):
            await pool.acquire(0.01)
        early = asyncio.create_task(pool.acquire(5))
        await asyncio.sleep(0)
        late = asyncio.create_task(pool.acquire(5))
        await asyncio.sleep(0)
        pool.release(lent[0])
        assert await early is lent[0]
        assert not late.done()
        pool.release(lent[1])
        assert await late is lent[1]
        assert len(server.made) == SIZE

    play(scene)


def test_a_refused_connection_leaves_its_place_to_the_next() -> None:
    """The next in the queue tries by itself."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        server.refuses, server.takes_s = True, 0.01
        first = [asyncio.create_task(pool.acquire(1)) for _ in range(SIZE)]
        await asyncio.sleep(0)
        third = asyncio.create_task(pool.acquire(1))
        await asyncio.sleep(0.005)
        with pytest.raises(ConnectionRefusedError):
            await first[0]
        server.refuses = False
        assert not (await third).closed

    play(scene)


def test_a_closed_connection_is_never_acquired() -> None:
    """Whether it was closed in use or while idle; another one replaces it."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        first, second = await pool.acquire(1), await pool.acquire(1)
        first.terminate()
        waiting = asyncio.create_task(pool.acquire(1))
        await asyncio.sleep(0)
        pool.release(first)
        third = await waiting
        assert third is server.made[2]
        pool.release(second)
        second.terminate()
        assert await pool.acquire(1) is server.made[3]

    play(scene)


def test_after_expiry_only_new_connections_are_acquired() -> None:
    """Idle ones are closed at once, used ones when they are released."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        lent, free = await pool.acquire(1), await pool.acquire(1)
        pool.release(free)
        pool.expire()
        assert free.closed
        assert not lent.closed
        new = await pool.acquire(1)
        pool.release(lent)
        assert lent.closed
        pool.release(new)
        assert await pool.acquire(1) is new

    play(scene)


def test_the_end_of_the_pool_closes_all() -> None:
    """Also those in use."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        lent, free = await pool.acquire(1), await pool.acquire(1)
        pool.release(free)
        pool.terminate()
        assert lent.closed
        assert free.closed

    play(scene)


class Course:
    """A pool and a sequence of events."""

    def __init__(self, pool: DatabasePool, server: Server) -> None:
        self.pool, self.server = pool, server
        self.asking: list[asyncio.Task[Any]] = []
        self.lent: list[Plug] = []

    async def ask(self, _which: int) -> None:
        """A request wants a connection."""
        self.asking.append(asyncio.create_task(self.pool.acquire(60)))

    async def give(self, which: int) -> None:
        """A request releases one."""
        if self.lent:
            self.pool.release(self.lent.pop(which % len(self.lent)))

    async def end(self, which: int) -> None:
        """The server closes one."""
        if self.server.made:
            self.server.made[which % len(self.server.made)].terminate()

    async def expire(self, _which: int) -> None:
        """The server cannot be used any more."""
        self.pool.expire()

    async def cancel(self, which: int) -> None:
        """A request times out."""
        if self.asking:
            self.asking[which % len(self.asking)].cancel()

    async def refuse(self, _which: int) -> None:
        """The server refuses connections, or takes them again."""
        self.server.refuses = not self.server.refuses

    async def turn(self, _which: int) -> None:
        """Time passes."""
        await asyncio.sleep(0)

    def look(self) -> None:
        """A request that got a connection has it; never more than the pool's size, and none is shared."""
        for task in [task for task in self.asking if task.done()]:
            self.asking.remove(task)
            if not task.cancelled() and task.exception() is None:
                self.lent.append(task.result())
        assert self.server.open <= SIZE
        assert len(set(map(id, self.lent))) == len(self.lent) <= SIZE

    async def close(self) -> None:
        """All requests end, and release their connections."""
        self.server.refuses = False
        for task in self.asking:
            task.cancel()
        done = await asyncio.gather(*self.asking, return_exceptions=True)
        for plug in [*self.lent, *(each for each in done if isinstance(each, Plug))]:
            self.pool.release(plug)


STEPS = ("ask", "give", "end", "expire", "cancel", "refuse", "turn")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), max_size=60))
def test_after_any_events_no_place_is_lost_and_none_is_used_twice(steps: list[tuple[str, int]]) -> None:
    """After any sequence of events the pool serves as many at once as its size, and never more."""

    async def scene(pool: DatabasePool, server: Server) -> None:
        course = Course(pool, server)
        for step, which in steps:
            await getattr(course, step)(which)
            course.look()
        await course.close()
        assert not any(plug.closed for plug in [await pool.acquire(1) for _ in range(SIZE)])

    play(scene)

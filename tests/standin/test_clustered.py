"""The stand-in's client of a Valkey cluster: redirections, nodes that are lost, and nodes that hang. Nodes of this file answer what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import hiredis
import pytest

from closeshave.hashslots import SLOTS, slot_of
from closeshave.standin.caches import TIMEOUT_S
from closeshave.standin.clustered import REDIRECTIONS_MAX, ClusterTier

KEY = "session:1"
SLOT = slot_of(KEY)


class Node:
    """A server that keeps what it is told, and answers as a test says."""

    def __init__(self) -> None:
        self.port = 0
        self.kept: dict[bytes, bytes] = {}
        self.heard: list[tuple[bytes, ...]] = []
        self.says: Callable[[tuple[bytes, ...]], bytes] | None = None
        self.map: list[tuple[int, int, int]] = []
        self.hangs = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    async def start(self) -> None:
        """Listen; at the same port as before, if it did."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """As when it is killed."""
        assert self._server is not None
        self._server.close()
        for each in self._open:
            each.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer.transport)
        parser = hiredis.Reader()
        while data := await reader.read(65536):
            parser.feed(data)
            while (words := parser.gets()) is not False:
                command = tuple(words)
                self.heard.append(command)
                if not self.hangs:
                    writer.write(self._answer(command))

    def _answer(self, command: tuple[bytes, ...]) -> bytes:
        if command[:2] == (b"CLUSTER", b"SLOTS"):
            ranges = b"".join(b"*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\nx\r\n" % each for each in self.map)
            return b"*%d\r\n%b" % (len(self.map), ranges)
        if self.says is not None:
            return self.says(command)
        if command[0] == b"SET":
            self.kept[command[1]] = command[2]
        if command[0] == b"GET":
            value = self.kept.get(command[1])
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        return b"+OK\r\n"


Scene = Callable[[ClusterTier, Node, Node], Awaitable[None]]


def played(scene: Scene) -> None:
    """A scene with two nodes, the first of which serves every slot, and a client that knows both."""

    async def play() -> None:
        one, other = Node(), Node()
        await one.start()
        await other.start()
        one.map = other.map = [(0, SLOTS - 1, one.port)]
        tier = ClusterTier("cluster", "127.0.0.1", [one.port, other.port])
        try:
            await scene(tier, one, other)
        finally:
            tier.close()
            one.stop()
            other.stop()

    asyncio.run(play())


def refuse(word: str) -> Callable[[tuple[bytes, ...]], bytes]:
    """Every command is answered with this error."""
    return lambda _command: f"-{word}\r\n".encode()


def test_commands_go_to_the_owner_of_their_slots_and_answers_come_in_their_order() -> None:
    """However many nodes are asked."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        one.map = other.map = [(0, 8191, one.port), (8192, SLOTS - 1, other.port)]
        keys = [f"k{number}" for number in range(20)]
        assert await tier.run(*(("SET", key, f"v{key}") for key in keys)) == [b"OK"] * 20
        assert await tier.run(*(("GET", key) for key in keys)) == [f"v{key}".encode() for key in keys]
        assert {key.decode() for key in one.kept} == {key for key in keys if slot_of(key) < 8192}
        assert {key.decode() for key in other.kept} == {key for key in keys if slot_of(key) >= 8192}

    played(scene)


def test_moved_sends_the_command_on_and_is_remembered() -> None:
    """The next one goes there at once."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        other.kept[KEY.encode()] = b"7"
        one.says = refuse(f"MOVED {SLOT} 127.0.0.1:{other.port}")
        one.map = other.map = [(0, SLOTS - 1, other.port)]
        tier._owners = dict.fromkeys(range(SLOTS), tier._node("127.0.0.1", one.port))
        assert await tier.run(("GET", KEY)) == [b"7"]
        one.heard.clear()
        assert await tier.run(("GET", KEY)) == [b"7"]
        assert (b"GET", KEY.encode()) not in one.heard

    played(scene)


def test_ask_sends_the_command_on_once_and_tells_the_node_so() -> None:
    """The slot is still where it was: the next command goes there again."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        other.kept[KEY.encode()] = b"7"
        one.says = refuse(f"ASK {SLOT} 127.0.0.1:{other.port}")
        for _ in range(2):
            other.heard.clear()
            assert await tier.run(("GET", KEY)) == [b"7"]
            assert other.heard == [(b"ASKING",), (b"GET", KEY.encode())]
        assert sum(words == (b"GET", KEY.encode()) for words in one.heard) == 2

    played(scene)


def test_only_the_commands_that_were_redirected_are_sent_again() -> None:
    """A counter must not count twice."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        moved = next(key for key in (f"k{number}" for number in range(100)) if slot_of(key) != SLOT)
        one.says = lambda words: f"-MOVED {slot_of(moved)} 127.0.0.1:{other.port}\r\n".encode() if moved.encode() in words else b":1\r\n"
        assert await tier.run(("INCR", KEY), ("SET", moved, "1"), ("INCR", KEY)) == [1, b"OK", 1]
        assert sum(words[0] == b"INCR" for words in one.heard) == 2
        assert not any(words[0] == b"INCR" for words in other.heard)

    played(scene)


def test_keys_between_two_nodes_are_asked_for_again() -> None:
    """They arrive within some milliseconds."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        answers = iter([b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n"])
        one.says = lambda words: next(answers) if words[0] == b"MGET" else b"+OK\r\n"
        assert await tier.run(("MGET", KEY, f"{{{KEY}}}:2")) == [[b"1", b"2"]]

    played(scene)


@pytest.mark.parametrize("word", ["CLUSTERDOWN Hash slot not served", "LOADING Valkey is loading the dataset in memory", "TRYAGAIN x"])
def test_a_slot_that_nobody_serves_is_gone_on_without(word: str) -> None:
    """And that costs a customer no more than a tier that is lost."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        one.says = refuse(word)
        assert await asyncio.wait_for(tier.run(("GET", KEY)), 20 * TIMEOUT_S) is None

    played(scene)


def test_redirections_in_a_circle_come_to_an_end() -> None:
    """Nodes that do not know of each other's changes may send a client on and on."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        one.says, other.says = refuse(f"MOVED {SLOT} 127.0.0.1:{other.port}"), refuse(f"MOVED {SLOT} 127.0.0.1:{one.port}")
        assert await tier.run(("GET", KEY)) is None
        asked = [words for node in (one, other) for words in node.heard if words[0] == b"GET"]
        assert 1 < len(asked) <= REDIRECTIONS_MAX + 1

    played(scene)


def test_a_probe_finds_the_replica_that_took_over() -> None:
    """Until then whoever asks for a key of the lost node goes on without it; other ranges are used."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        far = next(key for key in (f"k{number}" for number in range(100)) if slot_of(key) != SLOT)
        one.map = other.map = [(0, SLOT - 1, other.port), (SLOT, SLOT, one.port), (SLOT + 1, SLOTS - 1, other.port)]
        assert await tier.run(("SET", KEY, "1")) == [b"OK"]
        one.stop()
        while not tier.breaker.open:
            assert await tier.run(("GET", KEY)) is None
        assert await tier.run(("GET", KEY)) is None
        assert await tier.run(("GET", far)) == [None]
        assert not await tier.probe()
        other.map = [(0, SLOTS - 1, other.port)]
        other.kept[KEY.encode()] = b"1"
        while not await tier.probe():
            pass
        assert await tier.run(("GET", KEY)) == [b"1"]
        assert not tier.breaker.open

    played(scene)


def test_a_node_that_hangs_is_found_out() -> None:
    """Three waits open its breaker; then nobody waits for it."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        assert await tier.run(("GET", KEY)) == [None]
        one.hangs = True
        for _ in range(10):
            if tier.breaker.open:
                break
            assert await tier.run(("GET", KEY)) is None
        assert tier.breaker.open
        before = len(one.heard)
        assert await tier.run(("GET", KEY)) is None
        assert (b"GET", KEY.encode()) not in one.heard[before:]

    played(scene)


def test_slots_without_an_owner_are_looked_for() -> None:
    """A map with a hole is not whole."""

    async def scene(tier: ClusterTier, one: Node, other: Node) -> None:
        one.map = other.map = [(0, SLOT - 1, one.port)]
        assert await tier.run(("GET", KEY)) is None
        assert tier.breaker.open
        one.map = other.map = [(0, SLOTS - 1, one.port)]
        while not await tier.probe():
            pass
        assert await tier.run(("GET", KEY)) == [None]

    played(scene)

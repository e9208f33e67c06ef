"""The Valkey cluster as one tier: each command goes to the node that serves the slot of its key, and redirections are followed.

A general client would wait for a lost node, and ask the others for the map, within the customer's request. Here each node has the short timeouts and the
breaker of any tier: whoever asks for a key of a lost range goes on without it, while the other ranges are used, and probes look for the new owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any

from closeshave.hashslots import SLOTS, slot_of
from closeshave.standin.breaker import Breaker
from closeshave.standin.caches import TIMEOUT_S, Tier
from closeshave.standin.visit import book_cache_time
from closeshave.standin.wire import Command, QueryRefused

WITHIN_S = 1.5 * TIMEOUT_S
"""For a command with all its redirections: longer than one node may take, so that a node that hangs is found out."""
REDIRECTIONS_MAX = 5
"""As other clients: a slot that moves while it is asked for may redirect twice."""
AGAIN_S = 0.005
"""Before a command is sent again whose keys are between two nodes (``TRYAGAIN``): they move within some milliseconds."""
MAP: Command = ("CLUSTER", "SLOTS")


class NodesBreaker(Breaker):
    """Open while the owner of some slots is lost, or no owner is known."""

    __slots__ = ("_tier",)

    def __init__(self, tier: ClusterTier) -> None:
        super().__init__()
        self._tier = tier

    @property
    def open(self) -> bool:
        """Whether there is something for a probe to find."""
        return self._tier.incomplete


class ClusterTier(Tier):
    """One process's connections to the nodes of a cluster."""

    __slots__ = ("_learning", "_nodes", "_owners", "_seeds")

    def __init__(self, name: str, host: str, seeds: Iterable[int]) -> None:
        super().__init__(name, host, 0)
        self.breaker = NodesBreaker(self)
        self._seeds = tuple((host, port) for port in seeds)
        self._nodes: dict[tuple[str, int], Tier] = {}
        self._owners: dict[int, Tier] = {}
        self._learning: asyncio.Task[bool] | None = None

    @property
    def incomplete(self) -> bool:
        """Whether the owner of some slots is lost, or no owner is known."""
        return len(self._owners) < SLOTS or any(node.breaker.open for node in set(self._owners.values()))

    async def run(self, *commands: Command) -> list[Any] | None:
        """See :meth:`Tier.run`. The first key of each command decides where it is sent; its other keys must be in the same slot."""
        started = perf_counter()
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._routed(commands)
        except TimeoutError:
            return None
        finally:
            book_cache_time(started)

    async def probe(self) -> bool:
        """Learn who serves which slots, and ask those that are lost."""
        if not await self._learn():
            return False
        lost = [node for node in set(self._owners.values()) if node.breaker.open]
        await asyncio.gather(*(node.ask([("PING",)]) for node in lost))
        return not self.incomplete

    def close(self) -> None:
        """Drop every connection."""
        for node in self._nodes.values():
            node.close()

    async def _routed(self, commands: Sequence[Command]) -> list[Any] | None:
        if not self._owners and not await self._learn():
            return None
        answers: list[Any] = [None] * len(commands)
        slots = [slot_of(_key(command)) for command in commands]
        places = {index: self._owners.get(slot) for index, slot in enumerate(slots)}
        asking: set[int] = set()
        for _ in range(REDIRECTIONS_MAX + 1):
            told = await self._sent(commands, places, asking)
            if told is None:
                return None
            answers = [told.get(index, answer) for index, answer in enumerate(answers)]
            refused = {index: str(answer) for index, answer in told.items() if isinstance(answer, QueryRefused)}
            if not refused:
                return answers
            places, asking = {}, set()
            for index, why in refused.items():
                word, *rest = why.split()
                if word in {"MOVED", "ASK"} and len(rest) == 2:
                    host, _, port = rest[1].rpartition(":")
                    places[index] = self._node(host or self._seeds[0][0], int(port))
                    if word == "ASK":
                        asking.add(index)
                    else:
                        # The other slots of its old owner have most likely moved too.
                        self._owners[slots[index]] = self._node(host or self._seeds[0][0], int(port))
                        self._learn_soon()
                elif word == "TRYAGAIN":
                    await asyncio.sleep(AGAIN_S)
                    places[index] = self._owners.get(slots[index])
                else:
                    # Most likely CLUSTERDOWN: nobody serves the slot.
                    self._learn_soon()
                    return None
        return None

    async def _sent(self, commands: Sequence[Command], places: dict[int, Tier | None], asking: set[int]) -> dict[int, Any] | None:
        """The answers by the commands' numbers; ``None`` if one of the nodes is lost."""
        by_node: dict[Tier, list[int]] = {}
        for index, node in places.items():
            if node is None or node.breaker.open:
                return None
            by_node.setdefault(node, []).append(index)
        told = await asyncio.gather(*(_ask(node, [(commands[index], index in asking) for index in own]) for node, own in by_node.items()))
        found: dict[int, Any] = {}
        for own, answers in zip(by_node.values(), told, strict=True):
            if answers is None:
                self._learn_soon()
                return None
            found |= dict(zip(own, answers, strict=True))
        return found

    def _node(self, host: str, port: int) -> Tier:
        if (host, port) not in self._nodes:
            self._nodes[host, port] = Tier(f"{self.name}:{port}", host, port)
        return self._nodes[host, port]

    def _learn_soon(self) -> None:
        """Ask for the map of slots, once for everybody who needs it."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._ask_for_map())

    async def _learn(self) -> bool:
        self._learn_soon()
        assert self._learning is not None
        # A request that times out does not end it for the others.
        return await asyncio.shield(self._learning)

    async def _ask_for_map(self) -> bool:
        """Take the map of the first node that answers, those that are lost last. Whether one did."""
        known = dict.fromkeys((*(self._node(host, port) for host, port in self._seeds), *self._nodes.values()))
        for node in sorted(known, key=lambda each: each.breaker.open):
            answers = await node.ask([MAP])
            if answers and not isinstance(answers[0], QueryRefused) and (owners := self._read(answers[0])):
                self._owners = owners
                return True
        return False

    def _read(self, ranges: Sequence[Any]) -> dict[int, Tier]:
        found: dict[int, Tier] = {}
        for first, last, primary, *_ in ranges:
            host = primary[0].decode() if primary[0] else self._seeds[0][0]
            found |= dict.fromkeys(range(first, last + 1), self._node(host, primary[1]))
        return found


async def _ask(node: Tier, commands: Sequence[tuple[Command, bool]]) -> list[Any] | None:
    """The answers of one node, one for each command. ``True``: the node is only about to take over the command's slot, and must be told so."""
    sent: list[Command] = []
    for command, asking in commands:
        sent += [("ASKING",), command] if asking else [command]
    answers = await node.ask(sent)
    if answers is None:
        return None
    told, wanted = iter(answers), []
    for _, asking in commands:
        if asking:
            next(told)
        wanted.append(next(told))
    return wanted


def _key(command: Command) -> str | bytes:
    """The first key: of a script it comes after the number of keys."""
    key = command[3] if command[0] == "EVAL" else command[1]
    return key if isinstance(key, str | bytes) else str(key)

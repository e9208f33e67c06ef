"""Who is connected to this process, and what each has been told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WAITING_MAX = 1_000
"""A customer who does not read is disconnected, and gets everything when they connect again."""


@dataclass(frozen=True, slots=True)
class Update:
    """A booking as it is now."""

    client: int
    booking: int
    version: int
    status: str


@dataclass(slots=True)
class Follower:
    """One connection of a customer."""

    client: int
    told: dict[int, int] = field(default_factory=dict)
    """Booking → the newest version that was sent, or waits to be."""
    waiting: asyncio.Queue[Update] = field(default_factory=lambda: asyncio.Queue(WAITING_MAX))
    lost: bool = False
    """Whether an update did not fit any more."""

    def tell(self, update: Update) -> None:
        """Send an update, unless this version or a newer one was sent before."""
        if self.told.get(update.booking, 0) >= update.version:
            return
        try:
            self.waiting.put_nowait(update)
        except asyncio.QueueFull:
            self.lost = True
        else:
            self.told[update.booking] = update.version


class Hub:
    """The followers of one process."""

    __slots__ = ("_followers",)

    def __init__(self) -> None:
        self._followers: dict[int, list[Follower]] = {}

    @contextmanager
    def following(self, client: int) -> Iterator[Follower]:
        """A connection of this customer, who is told of every change until the block ends."""
        follower = Follower(client)
        self._followers.setdefault(client, []).append(follower)
        try:
            yield follower
        finally:
            others = self._followers[client]
            others.remove(follower)
            if not others:
                del self._followers[client]

    def tell(self, updates: Iterable[Update]) -> None:
        """Tell whom it concerns."""
        for update in updates:
            for follower in self._followers.get(update.client, ()):
                follower.tell(update)

    @property
    def clients(self) -> list[int]:
        """Everybody who is connected."""
        return list(self._followers)

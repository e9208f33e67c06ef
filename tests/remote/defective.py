"""The plain platform inside this process, with answers that a test changes: what it really did can be read from its shop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from truth.plain.defects import Planted
from truth.plain.habits import Habits
from truth.plain.passwords import Hasher
from truth.plain.routes import Answered, Asked, Platform
from truth.plain.server import Server, public
from truth.plain.shop import Shop

Bend = Callable[[Asked, Answered], Answered]
"""The request and the honest answer → what is told instead."""


class Bent(Platform):
    """Does what a correct platform does, and answers what it should not."""

    bend: Bend

    def answer(self, asked: Asked) -> Answered:
        return self.bend(asked, super().answer(asked))


@dataclass(frozen=True)
class Running:
    """The platform's address, and what it really stores."""

    url: str
    shop: Shop

    def standing(self) -> list[int]:
        """Bookings that are not cancelled."""
        return [booking.id for booking in self.shop.bookings.values() if booking.status != "cancelled"]


@contextmanager
def bent(bend: Bend, habits: Habits | None = None) -> Iterator[Running]:
    """On a port of its own."""
    habits = habits or Habits()
    platform = Bent(Shop(habits.barbers, habits.zone, Planted(1)), habits, Hasher(habits.login_ms))
    platform.bend = bend  # a function of the test's, of the instance
    server = Server(("127.0.0.1", 0), public(platform, threading.Event()))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Running(f"http://127.0.0.1:{server.server_address[1]}", platform.shop)
    finally:
        server.shutdown()
        server.server_close()


def books(asked: Asked) -> bool:
    """Whether it is the request of a booking."""
    return (asked.method, asked.path) == ("POST", "/api/v2/appointments/")


def told(answered: Answered, **changes: object) -> Answered:
    """The same answer with some members otherwise."""
    return replace(answered, body={**answered.body, **changes}) if isinstance(answered.body, dict) else answered

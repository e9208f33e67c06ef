"""A free port for Locust's master, on loopback and outside the range from which the kernel takes ports for connections."""

from __future__ import annotations

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
_RANGE = range(20_000, 32_000)


def free() -> int:
    """A port on which no program listens now. Raises :class:`OSError` when none is found."""
    for port in random.SystemRandom().sample(_RANGE, 100):
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise OSError(f"no free port between {_RANGE.start} and {_RANGE.stop}")

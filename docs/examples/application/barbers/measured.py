"""What one request cost: times in the database and the cache, and whether the cache had the answer. Told in headers of every answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Cost:
    """Of one request."""

    ms: dict[str, float] = field(default_factory=dict)
    """By what was asked: ``db``, ``cache``."""
    cache: str = "bypass"
    """``hit``, ``miss``, or ``bypass`` when the cache was not asked."""

    @property
    def server_timing(self) -> str:
        """As the header of this name."""
        return ", ".join(f"{what};dur={ms:.2f}" for what, ms in self.ms.items())


HERE: ContextVar[Cost] = ContextVar("cost")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Add the time that the block takes to the current request, if there is one."""
    began_s = time.perf_counter()
    try:
        yield
    finally:
        cost = HERE.get(None)
        if cost is not None:
            cost.ms[what] = cost.ms.get(what, 0.0) + (time.perf_counter() - began_s) * 1e3

"""The data of one request: customer, franchise, and the time spent in databases and caches.

Held in a context variable, so that the database and the caches can add their times without an argument in every function.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter

from closeshave.standin.errors import Refused
from closeshave.topology import Shard


class Visit:
    """Mutable: it is filled while the request is served and read once, when the answer's headers are written.

    It does not hold the platform (:class:`closeshave.standin.serving.ServedRequest` does), because the platform's parts import this module.
    """

    __slots__ = ("address", "again", "authorization", "cache", "cache_ms", "db_ms", "franchise", "shard")

    def __init__(self) -> None:
        self.franchise: int | None = None
        self.shard: Shard | None = None
        self.address = ""
        """The customer's address, for rate limits."""
        self.authorization = ""
        self.cache = "bypass"
        """``hit``, ``miss`` or ``bypass``, for X-Cache."""
        self.db_ms = 0.0
        self.cache_ms = 0.0
        self.again = False
        """Whether it is served again from its beginning, because its franchise was being moved: limits have counted it already."""

    def place(self) -> tuple[int, Shard]:
        """The requested franchise and its shard. Raises :class:`Refused` (400) when the request names none."""
        if self.franchise is None or self.shard is None:
            raise Refused(400, "X-Franchise-Id is required")
        return self.franchise, self.shard


CURRENT: ContextVar[Visit | None] = ContextVar("visit", default=None)


def current() -> Visit:
    """The current visit. Only for code that runs inside a request."""
    visit = CURRENT.get()
    assert visit is not None
    return visit


def book_db_time(started: float) -> None:
    """Add the time since ``started`` (``perf_counter`` seconds) to the visit's database time; background work has none."""
    if visit := CURRENT.get():
        visit.db_ms += (perf_counter() - started) * 1e3


def book_cache_time(started: float) -> None:
    """Like :func:`book_db_time`, for the Valkey tiers."""
    if visit := CURRENT.get():
        visit.cache_ms += (perf_counter() - started) * 1e3

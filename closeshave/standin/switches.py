"""Planted defects of a running platform: a file that only tests write, and that processes read regularly.

Without the file there are none. The code of each is in :mod:`closeshave.standin.defective`, separate from the correct code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

LOOK_EVERY_S = 0.2


class Defect(StrEnum):
    """The promises that can be broken on purpose."""

    DOUBLE_BOOKING = "double-booking"
    """Overlapping bookings are accepted when they are made at the same time."""
    EARLY_ACKNOWLEDGEMENT = "early-acknowledgement"
    """A booking is confirmed before it is committed, and stays confirmed if the commit fails."""
    IGNORED_KEYS = "ignored-keys"
    """The same idempotency key books again."""
    DOUBLE_CHARGE = "double-charge"
    """A repeated confirmation of a payment charges again."""
    STALE_SLOTS = "stale-slots"
    """Lists of free times come from a cache that a booking does not update."""
    TENANT_LEAK = "tenant-leak"
    """Sometimes a customer who reads a booking is shown another customer's booking."""
    WRONG_SHARD = "wrong-shard"
    """Bookings of the drawn franchises are written to another shard."""
    WRITTEN_ABROAD = "written-abroad"
    """While a resident shard has no primary, its bookings are written to another region's shard."""
    LOST_SESSIONS = "lost-sessions"
    """Customers of a region whose database was lost are logged out for ever."""
    FAILS_OPEN = "fails-open"
    """A booking that cannot be written is confirmed instead of refused."""
    STUCK_FRANCHISES = "stuck-franchises"
    """The drawn franchises stay unavailable after the loss of their shard."""
    SLOW_RECOVERY = "slow-recovery"
    """A lost shard stays refused for 15.6 seconds, although it is back before."""
    ERROR_IN_200 = "error-in-200"
    """Some answers have the status 200 and hold an error."""
    SLOW_REGION = "slow-region"
    """A few requests in the last region take long: its p99 rises, and no other figure."""
    SLOW_HOTTEST = "slow-hottest"
    """Requests for the drawn franchises, the hottest ones, take long."""
    SLOW_THROUGHOUT = "slow-throughout"
    """Every request takes 300 ms more: its median suffers, and no limit on a slow request is broken."""
    DROPPED_TAIL = "dropped-tail"
    """Commits are acknowledged up to a second before they are on disk or on a standby; a fail-over loses them."""
    ALWAYS_READY = "always-ready"
    """Readiness always says ready: one process of each region loses all of its databases with the first, and still gets requests."""
    RETRY_STORM = "retry-storm"
    """Failed queries are repeated for longer than the failure lasts, and block queries to other shards."""
    CONNECTION_LEAK = "connection-leak"
    """Database connections are not given back until none is left."""
    NEVER_INVALIDATED = "never-invalidated"
    """The cached pages of the drawn franchises are not deleted when they change."""
    SHORT_LIVED_PAGES = "short-lived-pages"
    """Cached pages of franchises live ten minutes instead of an hour."""
    SHORT_LIVED_SESSIONS = "short-lived-sessions"
    """Sessions are stored for an hour instead of a day."""
    NO_FRAME_OPTIONS = "no-frame-options"
    """Answers lack the header X-Frame-Options."""
    NO_TRANSPORT_SECURITY = "no-transport-security"
    """Answers lack the header Strict-Transport-Security."""
    NO_LOCKOUT = "no-lockout"
    """Accounts are never locked, however many log-ins fail."""
    FORGIVING_LIMITS = "forgiving-limits"
    """Whoever goes on after a refusal by a rate limit waits no longer than before."""
    OPEN_BOOKINGS = "open-bookings"
    """A booking is shown to every customer who is logged in and knows its ID."""
    SHARED_LISTS = "shared-lists"
    """A customer's list of bookings at a franchise has everybody's."""
    INCOMPLETE_REPORTS = "incomplete-reports"
    """Reports over all shards leave the last shard out."""
    RAW_ERRORS = "raw-errors"
    """A search whose query holds a quotation mark is answered with the database's own error."""
    LIVE_KEY_SHOWN = "live-key-shown"
    """The page about the health of the dependencies shows a payment key that could move real money."""


class Switches:
    """The current defects with their franchises. The file names one per line, with the franchises drawn for it; a missing file means none."""

    __slots__ = ("_clock", "_looked_at", "_on", "_path", "_stamp")

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path)
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._on: Mapping[str, frozenset[int]] = {}

    def on(self, defect: Defect) -> bool:
        """Whether ``defect`` is planted; up to :data:`LOOK_EVERY_S` seconds later than the file."""
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return defect in self._on

    def hits(self, defect: Defect, franchise: int | None) -> bool:
        """Whether ``defect`` is planted and ``franchise`` is among those drawn for it."""
        return self.on(defect) and franchise in self._on[defect]

    def _look(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._on = parse(self._path.read_text(encoding="utf-8"))
                self._stamp = stamp
        except FileNotFoundError:
            self._on, self._stamp = {}, None


def parse(text: str) -> dict[str, frozenset[int]]:
    """The defects of a file, each with its franchises. Raises :class:`ValueError`."""
    lines = (line.split() for line in text.splitlines())
    return {words[0]: frozenset(map(int, words[1:])) for words in lines if words}


def render(defects: Mapping[str, frozenset[int]]) -> str:
    """The text of a file that :func:`parse` reads back."""
    return "".join(f"{' '.join([name, *map(str, sorted(drawn))])}\n" for name, drawn in sorted(defects.items()))

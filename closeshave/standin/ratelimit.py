"""Rate limits for each customer address, counted in the rate-limit tier over fixed windows.

When the tier is lost they **fail open**: no customer is refused because a counter is missing. A window's counter expires with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.standin.caches import Tier
from closeshave.standin.errors import RateLimited
from closeshave.standin.visit import CURRENT

WINDOWS_S = {"minute": 60, "hour": 3600}
LONGEST_S = 6 * 3600
"""No offender waits longer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: so many requests in a window."""

    name: str
    requests: int
    window: str
    """``minute`` or ``hour``."""


LOGIN = Limit("login", 50, "minute")
REGISTER = Limit("register", 20, "hour")
CREATE = Limit("create", 50, "hour")
GUEST = Limit("guest", 10, "hour")
SLOTS = Limit("slots", 100, "minute")
RESCHEDULE = Limit("reschedule", 30, "hour")
CANCEL = Limit("cancel", 30, "hour")
INTENT = Limit("intent", 50, "minute")
CONFIRM = Limit("confirm", 50, "minute")


def allowed(limit: Limit, scale: float) -> int:
    """Requests in a window at this scale; never below one."""
    return max(1, int(limit.requests * scale))


def key(limit: Limit, address: str, now_s: float) -> str:
    """The key of the counter of one address, for the window with ``now_s`` (seconds since the epoch)."""
    return f"ratelimit:{limit.name}:{address}:{int(now_s // WINDOWS_S[limit.window])}"


class RateLimits:
    """Counts requests and refuses those above the limit."""

    __slots__ = ("_progressive", "_scale", "_tier")

    def __init__(self, tier: Tier, scale: float, *, progressive: bool = False) -> None:
        """``progressive``: whoever goes on after a refusal is blocked, twice as long each time."""
        self._tier = tier
        self._scale = scale
        self._progressive = progressive

    async def count(self, limit: Limit, address: str, now_s: float) -> None:
        """Count one request of ``address``, once however often it is served. Raises :class:`RateLimited` above the limit."""
        if (visit := CURRENT.get()) is not None and visit.again:
            return
        window_s = WINDOWS_S[limit.window]
        counter = key(limit, address, now_s)
        blocked = f"blocked:{limit.name}:{address}"
        progressive = self._is_progressive()
        look = (("TTL", blocked),) if progressive else ()
        answers = await self._tier.run(("INCR", counter), ("EXPIRE", counter, window_s, "NX"), *look)
        if answers is None:
            return
        most, rest_s = allowed(limit, self._scale), window_s - int(now_s % window_s)
        over, left_s = answers[0] - most, answers[2] if look else 0
        if over <= 0 and left_s <= 0:
            return
        wait_s = max(rest_s if over > 0 else 0, left_s)
        if progressive and (over > 1 or left_s > 0):
            wait_s = min(LONGEST_S, 2 * wait_s)
            await self._tier.run(("SET", blocked, 1, "EX", wait_s))
        raise RateLimited(most, limit.window, wait_s)

    def _is_progressive(self) -> bool:
        """Whether offenders wait longer each time."""
        return self._progressive

"""Accounts are locked for a while after failed log-ins in a row, counted in the rate-limit tier: from whatever address they come.

Like the limits it **fails open**: when the tier is lost nobody is locked out.
"""

from __future__ import annotations

import hashlib

from closeshave.standin.caches import Tier
from closeshave.standin.errors import Refused

FAILURES_MAX = 10
"""Wrong passwords in a row after which an account is locked."""
LOCKED_S = 15 * 60


class Lockout:
    """Counts failed log-ins of each account."""

    __slots__ = ("_tier",)

    def __init__(self, tier: Tier | None) -> None:
        """Without a tier nobody is ever locked out."""
        self._tier = tier

    async def check(self, email: str) -> None:
        """Raises :class:`Refused` (423) for an account that is locked, whatever the password is."""
        answers = await self._tier.run(("GET", _counter(email))) if self._tier else None
        if answers and answers[0] is not None and int(answers[0]) >= FAILURES_MAX:
            raise Refused(423, "Account is locked after failed log-ins", {"Retry-After": str(LOCKED_S)})

    async def failed(self, email: str) -> None:
        """Count a wrong password; each one starts the time anew."""
        if self._tier:
            await self._tier.run(("INCR", _counter(email)), ("EXPIRE", _counter(email), LOCKED_S))

    async def succeeded(self, email: str) -> None:
        """A log-in forgives the failures before it."""
        if self._tier:
            await self._tier.run(("DEL", _counter(email)))


def _counter(email: str) -> str:
    # An address is any text of any length; a key is not.
    return f"lockout:{hashlib.blake2b(email.lower().encode('utf-8', 'replace'), digest_size=16).hexdigest()}"

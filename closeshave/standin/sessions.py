"""Sessions: opened at log-in, stored for 24 h in the sessions tier of the account's home region, readable from every region.

Tokens of a session that the tier does not have (ended, or expired) are refused. If the tier is lost, a signed token that has not expired **stays
valid**. This is the designed degradation: only a log-out has no effect in that time.
"""

from __future__ import annotations

import secrets

from closeshave.standin.caches import Tier

TTL_S = 24 * 3600

TRUST_S = 15.0
"""Seconds for which a process treats a session as valid after a check, so that the tier is not asked at every request."""

_REMEMBERED = 10_000


class Sessions:
    """The sessions of all regions. Times are seconds since the epoch."""

    __slots__ = ("_seen", "_tiers")

    def __init__(self, tiers: dict[str, Tier]) -> None:
        self._tiers = tiers
        self._seen: dict[str, float] = {}

    async def open(self, region: str, user: int, now_s: float, session: str | None = None) -> str:
        """Store a session in its home region, a new one or ``session`` again; returns its ID, for the tokens.

        The ID is empty when the tier is lost: such tokens are valid until they expire.
        """
        session = session or secrets.token_hex(16)
        tier = self._tiers.get(region)
        stored = await tier.run(("SET", _entry(session), user, "EX", self._lives_s())) if tier else None
        if stored is None:
            return ""
        self._see(session, now_s)
        return session

    async def alive(self, region: str, session: str, now_s: float) -> bool:
        """Whether the session is valid; true when its tier is lost."""
        if not session or now_s - self._seen.get(session, 0.0) < TRUST_S:
            return True
        tier = self._tiers.get(region)
        answers = await tier.run(("EXISTS", _entry(session))) if tier else None
        if answers is None:
            return True
        if answers[0]:
            self._see(session, now_s)
        return bool(answers[0])

    async def end(self, region: str, session: str) -> None:
        """Log out; other processes notice within :data:`TRUST_S`."""
        self._seen.pop(session, None)
        if tier := self._tiers.get(region):
            await tier.run(("DEL", _entry(session)))

    def _lives_s(self) -> int:
        """How long a session that is stored now lives, in seconds."""
        return TTL_S

    def _see(self, session: str, now_s: float) -> None:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[session] = now_s


def _entry(session: str) -> str:
    return f"session:{session}"

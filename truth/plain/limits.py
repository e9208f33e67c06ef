"""The plain platform's limits per client address, each in a window that slides."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from truth.plain.habits import Limit


class Limits:
    """Counts what each address has sent."""

    def __init__(self, stated: Mapping[str, Limit]) -> None:
        self._stated = stated
        self._sent: dict[tuple[str, str], deque[float]] = {}

    def refusal(self, what: str, address: str, now_s: float) -> str | None:
        """What to tell an address that is over its limit; ``None`` counts the request."""
        allowed, window_s, word = self._stated[what]
        sent = self._sent.setdefault((what, address), deque())
        while sent and sent[0] <= now_s - window_s:
            sent.popleft()
        if len(sent) >= allowed:
            return f"Rate limit exceeded: {allowed} per 1 {word}"
        sent.append(now_s)
        return None

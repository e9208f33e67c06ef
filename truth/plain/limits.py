"""The plain platform's limits for each client address, in sliding windows."""

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
        """The refusal for an address above its limit; ``None`` otherwise, and the request is counted."""
        allowed, window_s, word = self._stated[what]
        sent = self._sent.setdefault((what, address), deque())
        while sent and sent[0] <= now_s - window_s:
            sent.popleft()
        if len(sent) >= allowed:
            return f"Rate limit exceeded: {allowed} per 1 {word}"
        sent.append(now_s)
        return None

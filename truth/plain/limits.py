"""The plain platform's limits per client address, each in a window that slides."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

STATED: Mapping[str, tuple[int, float, str]] = {
    "login": (50, 60.0, "minute"),
    "register": (20, 3600.0, "hour"),
    "book": (50, 3600.0, "hour"),
    "guest": (10, 3600.0, "hour"),
    "slots": (100, 60.0, "minute"),
    "reschedule": (30, 3600.0, "hour"),
    "cancel": (30, 3600.0, "hour"),
    "pay_intent": (50, 60.0, "minute"),
    "pay_confirm": (50, 60.0, "minute"),
}
"""Requests, seconds, and the word that the refusal uses."""


class Limits:
    """Counts what each address has sent; ``scale`` multiplies every limit."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._sent: dict[tuple[str, str], deque[float]] = {}

    def refusal(self, what: str, address: str, now_s: float) -> str | None:
        """What to tell an address that is over its limit; ``None`` counts the request."""
        count, window_s, word = STATED[what]
        allowed = round(count * self._scale)
        sent = self._sent.setdefault((what, address), deque())
        while sent and sent[0] <= now_s - window_s:
            sent.popleft()
        if len(sent) >= allowed:
            return f"Rate limit exceeded: {allowed} per 1 {word}"
        sent.append(now_s)
        return None

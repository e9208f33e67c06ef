"""Behaviours (habits) of deployments of the real application; each can be switched on separately."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

Limit = tuple[int, float, str]
"""Requests, seconds, and the unit that the refusal names."""

STATED: Mapping[str, Limit] = {
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
"""The application's limits for one address."""

RAISED: Mapping[str, Limit] = {
    **STATED,
    "login": (120, 60.0, "minute"),
    "register": (200, 3600.0, "hour"),
    "book": (6000, 3600.0, "hour"),
    "slots": (3000, 60.0, "minute"),
    "reschedule": (1000, 3600.0, "hour"),
    "cancel": (6000, 3600.0, "hour"),
    "pay_intent": (600, 60.0, "minute"),
    "pay_confirm": (600, 60.0, "minute"),
}
"""Limits that an operator raised for a test from one address."""


@dataclass(frozen=True, slots=True)
class Habits:
    """The behaviours of one deployment. The defaults are for tests of single parts; :data:`SEEN` has all behaviours of the real application."""

    stage: str = "staging"
    zone: str = "America/New_York"
    """The business zone; no answer states it."""
    barbers: int = 3
    administrator_listed: bool = False
    """``/barbers/`` begins with a person without hours: every booking with them is refused as "not available"."""
    filtered_slots: bool = True
    """Whether lists of one barber's slots have entries; otherwise such a list is always empty."""
    page_rows: int | None = None
    """Lists hold at most so many rows, and a ``total``; ``skip`` and ``limit`` give the rest."""
    forwarded_for: bool = True
    """Whether ``X-Forwarded-For`` is used; otherwise all clients behind one address share its limits."""
    limits: Mapping[str, Limit] = field(default_factory=lambda: STATED)
    ready_in_parts: bool = False
    """``/health/ready`` lists each part too, and one of them stays ``ready`` while the whole is not."""
    health_names_stage: bool = True
    """``/health`` has ``environment``; otherwise only ``/health/`` has it, with ``client_ip``."""
    login_ms: float = 0.0
    """Milliseconds to hash a password on an idle core."""
    payments: Literal["provider", "refused", "broken"] = "broken"
    """Payments are captured in a separate ledger; all refused by 400, as without a provider; or all answered by 500."""
    tells_birth: bool = False
    """Whether a booking states when it was made."""


SEEN = Habits(
    barbers=6,
    administrator_listed=True,
    filtered_slots=False,
    page_rows=100,
    forwarded_for=False,
    limits=RAISED,
    ready_in_parts=True,
    health_names_stage=False,
    login_ms=300.0,
    payments="provider",
    tells_birth=True,
)
"""The observed behaviours of the real application; the business zone and payments differ between deployments."""


def scaled(limits: Mapping[str, Limit], scale: float) -> Mapping[str, Limit]:
    """Every limit that many times as high."""
    return {what: (round(count * scale), window_s, word) for what, (count, window_s, word) in limits.items()}


def changed(habits: Habits, given: Iterable[str]) -> Habits:
    """The habits with some changed, each as ``name=value`` (JSON, or plain text). Raises :class:`ValueError` for an unknown name."""
    known = {each.name for each in fields(Habits)}
    changes = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in known:
            raise ValueError(f"{name!r} is not a habit; available: {', '.join(sorted(known))}")
        try:
            changes[name] = json.loads(value)
        except ValueError:
            changes[name] = value
    return replace(habits, **changes)

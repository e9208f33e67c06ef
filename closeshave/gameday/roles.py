"""Who may press what. A table; nobody else decides it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from closeshave.vocabulary import PersonRole


class PressAction(StrEnum):
    """What can be pressed."""

    GO = "go"
    """The word for an inject that waits for it."""
    HOLD = "hold"
    """Pause the clock: what follows is later by exactly the pause."""
    RESUME = "resume"
    """The clock goes on."""
    SKIP = "skip"
    """An inject will not begin."""
    NOW = "now"
    """An inject begins at once: before its time, while the clock is held, and although its conditions do not hold."""
    STOP_AND_HEAL = "stop-and-heal"
    """Nothing more begins, everything is healed, and the game day ends."""
    MARK = "mark"
    """A person's mark: one of :class:`closeshave.vocabulary.HumanMark`."""
    CORRECT = "correct"
    """Another instant or another word for an earlier mark, which is kept."""
    NOTE = "note"
    """A sentence for the timeline, and the name of a photo's file."""
    TICK = "tick"
    """A step of an inject's runbook is done."""
    REVEAL = "reveal"
    """A hidden inject is shown to everybody."""


_MARKING = frozenset({PressAction.MARK, PressAction.CORRECT, PressAction.NOTE})
RIGHTS: Mapping[PersonRole, frozenset[PressAction]] = {
    PersonRole.FACILITATOR: frozenset(PressAction),
    PersonRole.RESPONDER: _MARKING | {PressAction.TICK},
    PersonRole.SCRIBE: _MARKING,
    PersonRole.OBSERVER: frozenset(),
}


def may(role: PersonRole, action: PressAction) -> bool:
    """Whether a person of this role may press this."""
    return action in RIGHTS[role]

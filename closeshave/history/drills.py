"""What a drill leaves on the timeline of a run: its steps, the proofs of its end state, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Fact = str | int | float | bool | None
"""A value that a step found or made: a name, an instant, a number."""


class DrillEnding(StrEnum):
    """How a drill ended."""

    CARRIED_OUT = "carried-out"
    """Every step was done; the proofs say whether its end state is as it must be."""
    STOPPED = "stopped"
    """What it had begun was bad, and it stopped it by itself and went back: a deploy, of a bad release. The proofs say whether all is as before."""
    FAILED = "failed"
    """A step could not be done, and that is what the drill tests: a backup that cannot be restored, a switchover that is refused."""
    OVERDUE = "overdue"
    """A step was not done within the drill's limit: it failed, unless the machine was kept from its work meanwhile."""
    DISTURBED = "disturbed"
    """Something that the drill does not test kept it from being carried out: it says nothing about the platform."""


TIMED = "timed"
"""A fact of a step: the duration of its drill counts from the begin of the first step that has it, and not from the drill's own."""

ACKNOWLEDGED, LOST, LOSS_S, OLDEST_LOST = "acknowledged", "lost", "loss_s", "oldest_lost"
"""Facts of a step that compared files, or keys of a cluster, with those that were written: how many had been acknowledged before the loss, how many of
them are not there, how long before the loss the oldest of these was acknowledged (seconds), and which one it is."""

STOPPED_AT = "stopped_at"
"""A fact of the step in which a drill stopped by itself: the share of the requests that the bad release got then, 0 to 1."""


FIRST, LAST = "first", "last"
"""Facts of the step that chooses a range of franchises."""
FENCED_NS, OPENED_NS = "fenced_ns", "opened_ns"
"""Facts of a drill that keeps writes to a range from being accepted: from which instant on, and until when."""
BY_HOOKS = "by_hooks"
"""A fact of the first step of a drill that the platform's operator carries out: what it restored cannot be read."""


@dataclass(frozen=True, slots=True)
class DrillStepped:
    """A step of a drill was done, or was tried in vain."""

    drill: str
    step: str
    began_ns: int
    ended_ns: int
    facts: Mapping[str, Fact]
    """What it found and did; of a step that was not done, nothing."""
    done: bool = True


@dataclass(frozen=True, slots=True)
class DrillProven:
    """One condition of a drill's end state, checked in another way than it was brought about."""

    drill: str
    at_ns: int
    what: str
    holds: bool
    saw: str


@dataclass(frozen=True, slots=True)
class DrillEnded:
    """A drill has ended; what it changed is put back afterwards."""

    drill: str
    began_ns: int
    """When its first step began; of a drill that was never begun, when that was decided."""
    ended_ns: int
    """When its end state was proven, or when it was given up."""
    how: str
    """One of :class:`DrillEnding`."""
    why: str = ""
    """Why it was not carried out, as a sentence; empty if it was."""


DrillEvent = DrillStepped | DrillProven | DrillEnded

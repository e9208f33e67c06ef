"""What a comparison of two runs says, as values. Imports little, so that every report can hold one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from closeshave.comparison.fingerprint import FingerprintDifference


class Direction(StrEnum):
    """What the difference of a figure means, by its interval alone."""

    WORSE = "worse"
    """The interval lies wholly on the worse side of zero."""
    BETTER = "better"
    """Wholly on the better side."""
    UNDECIDED = "undecided"
    """It includes zero: the difference may be chance."""
    NO_INTERVAL = "no interval"
    """One of the figures has no interval, or is unknown."""


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of two runs. Values in ``unit``; ``None`` is unknown."""

    id: str
    """The ID of a verdict, or the name of a figure of the load or of a fault: ``load/p95``, ``fault/ID/recovery``."""
    title: str
    unit: str
    base: float | None
    other: float | None
    difference: float | None
    """The other less the base."""
    interval: tuple[float, float] | None
    """Of the difference: each bound at the confidence of the objective, 95 % unless it says otherwise."""
    direction: Direction
    base_status: str = ""
    """Of a verdict; empty for other figures, and where a run does not have it."""
    other_status: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side."""

    base: str
    """The ID of the run that is compared with."""
    other: str
    base_status: str
    other_status: str
    base_started_at: str
    other_started_at: str
    differences: tuple[FingerprintDifference, ...]
    """Conditions in which they differ."""
    unknown: tuple[str, ...]
    """Conditions that must be known and that one of them did not record."""
    verdicts: tuple[ComparedFigure, ...]
    """Every verdict that either run has: first those whose status differs."""
    figures: tuple[ComparedFigure, ...]
    """Figures of load, faults and integrity."""

    @property
    def comparable(self) -> bool:
        """Whether nothing that can change figures differs."""
        return not self.unknown and not any(each.moves for each in self.differences)

    @property
    def changed(self) -> tuple[ComparedFigure, ...]:
        """The verdicts with another status in one run than in the other."""
        return tuple(each for each in self.verdicts if each.base_status != each.other_status)

    @property
    def sentence(self) -> str:
        """What can be said of the two runs."""
        moved = [each.text for each in self.differences if each.moves]
        if self.unknown:
            return f"Not comparable: it was not recorded: {', '.join(self.unknown)}."
        if moved:
            more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
            return f"Not comparable, because the conditions differ: {'; '.join(moved[:4])}{more}. What differs below may be due to that."
        words = {Direction.WORSE: 0, Direction.BETTER: 0}
        for each in (*self.verdicts, *self.figures):
            if each.direction in words:
                words[each.direction] += 1
        return (
            f"Made under the same conditions: {len(self.changed)} verdicts have another status, {words[Direction.WORSE]} figures are worse and "
            f"{words[Direction.BETTER]} better by more than chance within the two runs. Two single runs do not show whether the release is the "
            "reason: 'closeshave gate' does."
        )

"""How far a measurement carries: nothing is claimed past 2.5 times the largest measured level. Pure.

Gunther's own advice for the Universal Scalability Law, and as good for a figure that is merely multiplied: what limits a larger system is often something
that the smaller one did not have.
"""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.report import words

FACTOR = 2.5


@dataclass(frozen=True, slots=True)
class Support:
    """What was claimed, and how far the measurement goes; all in the unit ``unit``."""

    claimed: float
    measured: float
    """The largest level that was measured; 0 where none was."""
    extrapolated: float
    """The most that may be said: at most :data:`FACTOR` times ``measured``."""
    unit: str
    """``1/s`` or ``count``, as :func:`closeshave.report.words.quantity` has them, or a noun."""

    @property
    def supported(self) -> bool:
        """Whether the claim may be made at all. It is never called verified by this alone."""
        return self.claimed <= self.extrapolated

    @property
    def within(self) -> bool:
        """Whether nothing had to be extrapolated."""
        return self.claimed <= min(self.measured, self.extrapolated)

    def __str__(self) -> str:
        most, claimed = (words.quantity(value, self.unit) for value in (self.extrapolated, self.claimed))
        if self.within:
            return f"measured up to {words.quantity(self.measured, self.unit)}, claimed {claimed}: within what was measured"
        return f"extrapolated to {most}, claimed {claimed}, {'' if self.supported else 'not '}supported"


def multiplied(claimed: float, measured: float, unit: str) -> Support:
    """For a figure that is simply multiplied, such as a number of machines."""
    return Support(claimed, measured, FACTOR * measured, unit)

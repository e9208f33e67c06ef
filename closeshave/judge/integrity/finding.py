"""What a search for one kind of breach found: a count with its witnesses, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.judge.verdict import Exposure
from closeshave.judge.witnesses import Witness


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of breach of integrity over the whole run."""

    name: str
    """The verdict is ``integrity/NAME``."""
    count: int | None
    """Breaches; ``None`` when the evidence to count them is missing."""
    n: int
    """How many bookings, payments or reads were looked at."""
    what: str
    """The breach as text that follows the count, in the singular where the count is 1."""
    witnesses: tuple[Witness, ...] = ()
    unknown: str = ""
    """Why the breaches could not be counted."""
    doubt: str = ""
    """Why the harness may have caused these breaches itself, by losing the record that explains them; empty when it cannot have."""
    exposure: Exposure | None = None
    """How often the breach could have happened."""
    gap: str = ""
    """What could not be checked, and why. Without a breach the verdict is then inconclusive; a breach that was seen still fails it."""
    idle: str = ""
    """Why no operation of this scenario could have shown the breach; empty when one could have, or should have."""


def unknown(name: str, why: str) -> Finding:
    """A finding without a count."""
    return Finding(name, None, 0, "", unknown=why)

"""What a search for one kind of breach found: a count with its witnesses, or the reason why nobody can tell."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.judge.verdict import Exposure, Witness


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
    """The breach in words, to follow the count."""
    witnesses: tuple[Witness, ...] = ()
    unknown: str = ""
    """Why there is no count."""
    doubt: str = ""
    """Why the harness may have made these breaches itself, by losing the record that explains them; empty when it cannot have."""
    exposure: Exposure | None = None
    """How often the breach could have happened."""
    gap: str = ""
    """What was not seen, and why: without a breach this is no pass; what was seen convicts all the same."""
    idle: str = ""
    """Why nothing that this scenario does could have shown the breach; empty when something could, or should, have."""


def unknown(name: str, why: str) -> Finding:
    """Nobody can tell."""
    return Finding(name, None, 0, "", unknown=why)

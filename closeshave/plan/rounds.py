"""Rounds of functional checks while the load runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from closeshave.files.yamlfile import (
    STRICT,
    Seconds,
    stated,
)
from closeshave.plan.names import FAULT_ID, PROBE


def wrong_probes(patterns: Sequence[str]) -> str:
    """What is wrong with names of probes, or patterns of them; empty when nothing is. Whether there are such probes is not known here."""
    wrong = next((name for name in patterns if not re.fullmatch(PROBE, name)), None)
    if wrong is not None:
        return f"{wrong!r} is no name of a probe; write family.name, or family.* for all of a family"
    return "name each probe once" if len(set(patterns)) < len(patterns) else ""


@dataclass(frozen=True, slots=True)
class ProbeRound:
    """Functional checks that are asked once, while the load runs: of ``closeshave probe``, and not those of installed packages."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the round, as verdicts refer to it (``probe/ID/NAME``): small letters, digits and dashes; unique among the plan's rounds."""
    phase: str
    """Name of the phase in which it is asked; in a fault phase it counts as tried under a fault."""
    at: Seconds
    """When it begins, in seconds after the start of its phase."""
    probes: Annotated[tuple[Annotated[str, stated(pattern=PROBE)], ...], stated(minItems=1, uniqueItems=True)]
    """Names of probes, or patterns: ``tenants.*``. Only those that read, and those that make bookings of their own."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not self.probes:
            raise ValueError("name at least one probe, like tenants.*")
        if wrong := wrong_probes(self.probes):
            raise ValueError(wrong)

"""What a probe of an installed package is described by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closeshave.deployment import Deployment


@dataclass(frozen=True, slots=True)
class PlatformProbe:
    """Something to ask about the environment while it is loaded. Its name is that of its entry point."""

    asks: str
    """A sentence: what is asked, and whom."""
    ask: Callable[[Deployment], str]
    """What is seen now, in one line. It must end by itself; what it raises is noted as what was seen."""
    every_s: float = 1.0

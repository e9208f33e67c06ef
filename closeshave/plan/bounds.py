"""When a trial stops by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from closeshave.files.yamlfile import STRICT, Count, Flag, Lasting, Quantity, Share, stated
from closeshave.plan.names import NOT_NONE


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits at which a trial stops in any case."""

    __pydantic_config__ = STRICT

    duration: Lasting
    """The longest time that the load lasts, longer calm phases included; the phases must fit into it."""
    requests: Annotated[Count, Field(le=10**10)]
    """The most requests that customers and canaries send in all; canaries use up to half of it."""


@dataclass(frozen=True, slots=True)
class Aborts:
    """Abort rules: when a trial stops by itself and heals at once."""

    __pydantic_config__ = STRICT

    budget: Annotated[Quantity, Field(le=1000), stated(exclusiveMinimum=0, maximum=1000)] = 1.0
    """Share of the target's 30-day error budget that the run may burn; ``100%`` is all of it."""
    leakage: Annotated[Share, stated(exclusiveMinimum=0, **NOT_NONE)] = 0.5
    """Share of customers' requests outside the scopes of all faults in effect that may be not good."""
    window: Lasting = 10.0
    """For how long leakage must last before the trial stops."""
    integrity: Flag | None = None
    """Stop at the first breach that can be seen during the load: two acknowledged bookings of one slot.

    By default true for a real platform, and false for the stand-in, where a breach does no harm and the run is better judged to its end.
    """
    blind: Lasting = 15.0
    """For how many seconds no canary may be recorded: without canaries the effect of a fault is not measured."""

    def __post_init__(self) -> None:
        if not (self.budget > 0 and 0 < self.leakage <= 1 and self.window > 0 and self.blind > 0):
            raise ValueError("budget, window and blind must be above 0; leakage must be above 0 and at most 100%")

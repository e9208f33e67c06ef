"""What a plan asks of the environment's monitoring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from closeshave.files.yamlfile import (
    STRICT,
    Lasting,
    stated,
)
from closeshave.plan.names import ALERT, MOST_PARTS


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that a fault must raise."""

    __pydantic_config__ = STRICT

    fault: str
    """The ID of the fault."""
    alert: Annotated[str, stated(pattern=ALERT)]
    """The name of the rule."""
    severity: Literal["critical", "high", "medium", "low"]
    """As which the alert must be classified: its label ``severity``."""
    claims: tuple[str, ...] = ()
    """IDs of the target's promises that are kept if it is raised."""

    def __post_init__(self) -> None:
        if not re.fullmatch(ALERT, self.alert):
            raise ValueError(f"alert {self.alert!r}: the name of a rule has letters, digits and underscores")


@dataclass(frozen=True, slots=True)
class AlertsAsked:
    """What the plan asks of the environment's monitoring; with it, the harness receives its alerts."""

    __pydantic_config__ = STRICT

    expected: Annotated[tuple[ExpectedAlert, ...], stated(maxItems=MOST_PARTS)] = ()
    """Which fault must raise which alert."""
    silent_within: Lasting = 60.0
    """How long after a fault is proven healed its alerts may go on. What begins to fire in this time counts as the fault's."""

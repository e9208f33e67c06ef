"""A trial that is ready to start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from closeshave.environments import drivers
from closeshave.environments.definition import Definition
from closeshave.files.rundir import Inputs
from closeshave.files.yamlfile import duration_text
from closeshave.gameday.planned import GameDayPlan
from closeshave.history import Rate
from closeshave.judge import asked
from closeshave.plan import Expected, Fault, Plan
from closeshave.target import Measure, Target
from closeshave.trial import fitting


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial that is ready to start: read, checked, and consistent."""

    plan: Plan
    """The plan with all faults: those in its file and those that its nemesis drew."""
    drawn: tuple[Fault, ...]
    """Only the drawn faults."""
    target: Target
    definition: Definition
    inputs: Inputs
    written: Plan
    """The same plan at the rates and lengths of its file."""
    rate_scale: float = 1.0
    """The factor on the rates of the plan's file."""
    rate_by: Literal["plan", "option", "calibration"] = "plan"
    """What set the factor."""
    gameday: GameDayPlan | None = None
    """What a game day needs; ``None`` for a trial whose clock nobody holds."""
    load_machines: int = 0
    """How many other machines send the customers' load; 0 when this one does."""

    @property
    def breaks(self) -> bool:
        """Whether faults or drills will begin."""
        return bool(self.plan.disruptions) and not (self.gameday is not None and self.gameday.rehearsal)

    @property
    def calibrates(self) -> bool:
        """Whether a calibration on this machine must still find the rate."""
        return self.rate_by == "plan" and self.written.rate == "auto" and drivers.of(self.definition.kind).ours

    def calibrated(self, scale: float) -> Prepared:
        """The same trial at the share of its rates that this machine sustains."""
        return replace(self, plan=fitting.fitted(self.written, scale), rate_scale=scale, rate_by="calibration")

    @property
    def rate(self) -> Rate:
        """The rates of the trial and of its plan."""
        return Rate(
            by=self.rate_by,
            scale=self.rate_scale,
            planned_sessions_per_s=self.written.peak_per_s,
            sessions_per_s=self.plan.peak_per_s,
            planned_calm_s=self.written.calm_s,
            calm_s=self.plan.calm_s,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, but may not be what the author of the plan wants."""
        return tuple(_short_holds(self.plan, self.target))


def _short_holds(plan: Plan, target: Target) -> Iterator[str]:
    """Warnings about faults that are healed before the promised recovery time is over, and without a tighter bound that could fail the platform before."""
    bounds = [one for one in asked.asked(plan, target).objectives if one.measure is Measure.RECOVERY and one.at_most is not None]
    for fault in plan.faults:
        if fault.expected is Expected.RESTORED:
            continue
        covering = [(one, one.at_most) for one in bounds if one.at_most is not None and one.covers(fault)]
        if any(at_most <= fault.hold for _, at_most in covering):
            continue
        for objective, at_most in covering:
            yield (
                f"{fault.id} is healed after {duration_text(fault.hold)}, but {objective.id} allows {duration_text(at_most)}: if the "
                "platform has not recovered by then, the verdict is inconclusive; hold the fault longer, or add an objective with a tighter bound"
            )

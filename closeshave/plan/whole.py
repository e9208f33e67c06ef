"""The plan as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from closeshave.files.yamlfile import (
    STRICT,
    Lasting,
    Name,
    WholeNumber,
    stated,
)
from closeshave.plan.alerts import AlertsAsked
from closeshave.plan.bounds import Aborts, Limits
from closeshave.plan.disruptions import Disruption, Drill, Fault, Nemesis
from closeshave.plan.gates import Gate, Waiver
from closeshave.plan.injects import Inject
from closeshave.plan.load import Canaries, LocustFile, Traffic
from closeshave.plan.names import MOST_PARTS
from closeshave.plan.phases import Phase, Role
from closeshave.plan.rounds import ProbeRound


@dataclass(frozen=True, slots=True)
class Plan:
    """The description of a trial."""

    __pydantic_config__ = STRICT

    name: Name
    """The name of the plan, as runs and reports refer to it."""
    environment: str
    """The environment file that the trial runs on: a name in ``environments/``, or a path."""
    target: str
    """The target file whose objectives are judged: a name in ``environments/targets/``, or a path."""
    seed: WholeNumber
    """The same seed gives the same arrivals, customers and decisions."""
    limits: Limits
    """Limits at which the trial stops in any case."""
    phases: Annotated[tuple[Phase, ...], stated(minItems=1, maxItems=MOST_PARTS)]
    """The phases of the trial, in order."""
    faults: Annotated[tuple[Fault, ...], stated(maxItems=MOST_PARTS)] = ()
    """The faults to inject, with their instants and lengths; none in a plan of load alone."""
    drills: Annotated[tuple[Drill, ...], stated(maxItems=MOST_PARTS)] = ()
    """The drills to carry out: what operators do, such as a restore or a switchover, under load, timed and proven."""
    traffic: Traffic = Traffic()  # noqa: RUF009 - frozen
    """Who the customers are and what they do."""
    canaries: Canaries = Canaries()  # noqa: RUF009 - frozen
    """The probes that measure recovery."""
    nemesis: Nemesis | None = None
    """Faults drawn at random, in addition to those of ``faults``."""
    aborts: Aborts = Aborts()  # noqa: RUF009 - frozen
    """When the trial stops by itself and heals."""
    rate: Literal["auto", "fixed"] = "fixed"
    """``auto``: on the harness's own environment, a calibration multiplies the rates by the share that this machine sustains, at most 1."""
    description: str = ""
    """A description for readers."""
    probes: tuple[str, ...] = ()
    """Names of probes of installed packages that are asked while the load runs; what they see is noted on the timeline."""
    rounds: Annotated[tuple[ProbeRound, ...], stated(maxItems=MOST_PARTS)] = ()
    """Rounds of functional probes that are asked while the load runs, on an environment that the harness starts; each probe becomes a verdict."""
    alerts: AlertsAsked | None = None
    """Asks for alerts: the monitoring of an environment that the harness starts is started too, and every alert is recorded. Without it nobody listens."""
    tests: tuple[str, ...] = ()
    """IDs of the target's objectives that this plan tests, or patterns of them; all that its phases and faults can judge by default."""
    inject: Annotated[tuple[Inject, ...], stated(maxItems=MOST_PARTS)] = ()
    """The cards of a game day (``closeshave gameday``), in order. ``closeshave run`` carries the same faults out by their own instants, without people."""
    gate: Gate = Gate()  # noqa: RUF009 - frozen
    """How two releases are compared under this plan."""
    every: Lasting | None = None
    """How often it is to be carried out, as in ``7d``: ``closeshave schedule`` shows when it was, and when it is due."""
    waive: tuple[Waiver, ...] = ()
    """Known failures that do not count until a day, in addition to those of the target."""

    @property
    def disruptions(self) -> tuple[Disruption, ...]:
        """Its faults and its drills."""
        return (*self.faults, *self.drills)

    @property
    def probed(self) -> bool:
        """Whether canaries probe the platform. A user's own Locust file must name a task for that."""
        own = self.traffic.locust
        return own is None or own.canary is not None

    @property
    def tells_effects(self) -> bool:
        """Whether senders record what their requests changed, so that integrity can be judged."""
        own = self.traffic.locust
        return own is None or own.effects

    @property
    def exercise(self) -> Phase:
        """The phase of a game day that people hold the clock of: the last one."""
        return self.phases[-1]

    @property
    def duration_s(self) -> float:
        """Length of all phases together, in seconds."""
        return sum(phase.duration for phase in self.phases)

    def scaled(self, factor: float) -> Plan:
        """The same plan with ``factor`` times its rates of sessions, contests and canaries, and of the largest number of requests.

        A canary's rate determines the resolution of recovery times.
        """
        if factor == 1:
            return self
        return replace(
            self,
            limits=replace(self.limits, requests=math.ceil(self.limits.requests * factor)),
            phases=tuple(replace(phase, sessions_per_s=phase.sessions_per_s * factor) for phase in self.phases),
            traffic=replace(self.traffic, contests_per_s=self.traffic.contests_per_s * factor, locust=_scaled(self.traffic.locust, factor)),
            canaries=replace(self.canaries, home_per_s=self.canaries.home_per_s * factor, away_per_s=self.canaries.away_per_s * factor),
        )

    def lasting(self, lengths_s: tuple[float, ...]) -> Plan:
        """The same plan with phases of these lengths, in seconds and in order. Raises :class:`ValueError` for another number of lengths."""
        phases = tuple(replace(phase, duration=length_s) for phase, length_s in zip(self.phases, lengths_s, strict=True))
        return replace(self, phases=phases)

    @property
    def peak_per_s(self) -> float:
        """The highest rate of sessions in any phase, per second."""
        return max((phase.sessions_per_s for phase in self.phases), default=0.0)

    @property
    def calm_s(self) -> float:
        """Length of all calm phases together, in seconds."""
        return sum(phase.duration for phase in self.phases if phase.role is Role.CALM)

    def starts_s(self, name: str) -> float:
        """When the phase starts, in seconds after the start of the trial. Raises :class:`KeyError`."""
        elapsed = 0.0
        for phase in self.phases:
            if phase.name == name:
                return elapsed
            elapsed += phase.duration
        raise KeyError(name)


def _scaled(own: LocustFile | None, factor: float) -> LocustFile | None:
    if own is None or own.users is None:
        return own
    return replace(own, users=max(1, round(own.users * factor)))

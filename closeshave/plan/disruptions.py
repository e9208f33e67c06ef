"""What a plan does to its platform: faults, drills, and faults drawn at random."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from closeshave.files.yamlfile import (
    STRICT,
    Lasting,
    Place,
    Seconds,
    Share,
    WholeNumber,
    stated,
)
from closeshave.plan.names import FAULT_ID, FAULT_KIND
from closeshave.plan.phases import Expected


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to inject. Its kind (the catalogue in ``closeshave/faults``) says how it is undone; a kind without an undo is refused."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the fault, as verdicts refer to it: small letters, digits and dashes; unique within a plan."""
    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``, one of the catalogue of faults; its experiment is ``chaos/family/name.yaml``."""
    phase: str
    """Name of the phase in which it is injected and healed; its role must be ``fault``."""
    at: Seconds
    """Start of the injection, in seconds after the start of its phase."""
    hold: Lasting
    """Seconds from injection to healing by the harness: the time that the platform has to recover by itself."""
    expected: Expected
    """What the platform is expected to do: it decides how recovery is judged."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The affected part: ``shard: 1``, ``tier: cache``, ``region: us-west-2`` or ``process: etcd-us-east-1``, as the kind needs it."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters of the kind, such as ``latency_ms``; the others have their defaults."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like shard.primary-killed")

    @property
    def experiment(self) -> Path:
        """The Chaos Toolkit experiment of this kind, relative to the top-level folder ``chaos``."""
        return Path(self.family, f"{self.kind.removeprefix(f'{self.family}.')}.yaml")

    @property
    def family(self) -> str:
        """``shard``, ``cache``, ``region``, ``service``, ``dependency`` or ``data``."""
        return self.kind.split(".")[0]


@dataclass(frozen=True, slots=True)
class DrillBounds:
    """What a drill may take and cost. Each key that is given becomes a verdict; the figures are shown in any case."""

    __pydantic_config__ = STRICT

    duration: Lasting | None = None
    """The longest time from the first step until the end state is proven: the RTO of a restore."""
    failed_requests: Share | None = None
    """The largest share of the customers' requests in the drill's scope, from its begin until everything is put back, that may be not good."""
    loss: Seconds | None = None
    """The largest loss window: how long before the drill's instant (for a restore, its target) the oldest acknowledged write lies that is missing."""
    refusal: Lasting | None = None
    """The longest time for which writes may not be accepted: of a range that moves, by the fence and by what its customers waited; of other drills, at the
    shards of the scope, between two acknowledged writes."""
    lost_sessions: Share | None = None
    """The drill may cost sessions: at most this share of the customers who come after it began may be refused as not logged in, once or more, with
    a session from before it was over. Without it no session may be lost, and each one breaks integrity (`lost_sessions`)."""
    stopped: Share | None = None
    """The release is bad, and the deploy must stop by itself while the release gets at most this share of the requests, and go back. It is no verdict
    of its own: without it a deploy that stopped has failed, with it one that did not."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A procedure of the operators that is carried out under load. Its kind (the catalogue in ``closeshave/drills``) says its steps, the proof of its end
    state, and how everything is put back afterwards."""

    __pydantic_config__ = STRICT

    id: Annotated[str, stated(pattern=FAULT_ID)]
    """The name of the drill, as verdicts refer to it: small letters, digits and dashes; unique among the plan's drills and faults."""
    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``, one of the catalogue of drills."""
    phase: str
    """Name of the phase in which it is carried out; its role must be ``fault``."""
    at: Seconds
    """Start of the first step, in seconds after the start of its phase."""
    limit: Lasting = 60.0
    """The longest time that it may take. After it the drill is ended, everything is put back, and the drill has failed."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The part that it works on: ``shard: 1``, as the kind needs it."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters of the kind, such as ``back``; the others have their defaults."""
    expected: DrillBounds = DrillBounds()
    """What it may take and cost."""
    claims: tuple[str, ...] = ()
    """IDs of the target's promises that this drill tests, such as ``E27``; its verdicts answer them."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_ID, self.id):
            raise ValueError(f"id {self.id!r}: use small letters, digits and dashes")
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like database.switchover")
        if self.limit <= 0:
            raise ValueError("limit must be longer than 0")

    @property
    def hold(self) -> float:
        """For how many seconds it may be under way."""
        return self.limit

    @property
    def family(self) -> str:
        """``database`` or ``restore``."""
        return self.kind.split(".")[0]


Disruption = Fault | Drill
"""What a plan does to its platform at an instant."""


@dataclass(frozen=True, slots=True)
class Nemesis:
    """Random faults, drawn from a seed and within limits. They are drawn before anything starts; ``validate`` shows them."""

    __pydantic_config__ = STRICT

    phase: str
    """Name of the fault phase in which the faults are drawn."""
    kinds: Annotated[tuple[str, ...], stated(minItems=1)]
    """Patterns of kinds to draw from, like ``shard.*``."""
    every: Lasting
    """Mean time from one injection to the next in seconds; each gap is drawn between 0.5 and 1.5 times this."""
    hold: Lasting
    """How long each fault is in effect before it is healed."""
    overlap_max: Annotated[WholeNumber, Field(le=100), stated(minimum=1)] = 1
    """Faults in effect at the same time, those of the plan included."""
    rest: Seconds = 30.0
    """Seconds without injections after a fault's hold: a fault that is injected during a recovery would measure that recovery."""
    scopes: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Where faults may be injected, by key of a scope, as in ``region: [us-west-2]``; everywhere by default."""
    seed: WholeNumber | None = None
    """Chooses the faults; the plan's seed by default."""

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("kinds must name at least one pattern, like shard.*")
        if self.every <= 0 or self.hold <= 0:
            raise ValueError("every and hold must be longer than 0")
        if empty := [key for key, places in self.scopes.items() if not places]:
            raise ValueError(f"scopes: name at least one {empty[0]}, or leave it out to allow all")
        if self.overlap_max < 1:
            raise ValueError("overlap_max must be at least 1")

"""A kind of drill: its steps, the proof of its end state, and its way back; one frozen value for each kind.

A family is a folder of small modules that define such values; ``catalogue.py`` collects them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from closeshave.deployment import Member
from closeshave.faults.kind import USES as NEEDS
from closeshave.faults.kind import Aim, Kind, Parameter, Proof, Say, Value
from closeshave.faults.waiting import left_s
from closeshave.history import Fact, Injection
from closeshave.plan import Expected
from closeshave.topology import Topology
from closeshave.vocabulary import BACKGROUND, LIVE

Facts = Mapping[str, Fact]
"""What a step found and did, for the timeline and for the steps after it."""
USES: Mapping[str, str] = MappingProxyType(
    {
        "standby": "a shard with a standby",
        "backups": "a backup server of the shard (shards: backup)",
        "rows": "a query that reads bookings (application.read_back.query)",
        "instances": "two instances of the application in each region, or more (apps_per_region)",
        "releases": "another release of the application (application.releases)",
        "tls": "edges that serve HTTPS (edges: {tls: true})",
        "valkey cluster": NEEDS["valkey cluster"],
        BACKGROUND: NEEDS[BACKGROUND],
        LIVE: NEEDS[LIVE],
        "spare": "a spare shard with the same home as the shard (spare)",
        "routing": "an application that reads where franchises were moved to, by a variable with {routing_file}, and has the tables of the stand-in "
        "(application.tables: stand-in)",
    }
)
"""What a kind of drill may need of the environment, and how an environment file says that it is there."""


RELEASE = "release"
"""The parameter that names a release of the environment, in every kind that has one."""


class DrillFailed(RuntimeError):
    """A step could not be done, and that is what the drill tests. The message says what was seen, as a clause."""


class DrillOverdue(DrillFailed):
    """A step was not done within the drill's limit. The message says what was seen last, as a clause."""


class DrillDisturbed(RuntimeError):
    """Something that the drill does not test kept a step from being done. The message says what, as a clause."""


class DrillStopped(RuntimeError):
    """What the drill had begun was bad, and it stopped it and went back: what it is there for. The message is a sentence."""

    def __init__(self, why: str, facts: Facts) -> None:
        super().__init__(why)
        self.facts = facts
        """What the step found; :data:`closeshave.history.STOPPED_AT` among it."""


@dataclass(frozen=True, slots=True)
class DrillWork:
    """One drill that is being carried out: on what, where it keeps files, and until when."""

    id: str
    aim: Aim
    keeps: Path
    """Its directory in the run: what it puts there is evidence."""
    deadline_ns: int
    """A step that is not done by then has failed."""
    stop: Callable[[], bool]
    """Whether the drill must be given up now."""
    read: Callable[[Member, Path], int]
    """Reads the bookings of this run from a server that is at a member's address into a file, and returns how many there are. Raises :class:`OSError`."""
    say: Say
    facts: Mapping[str, Facts] = field(default_factory=dict)
    """What the steps so far found, by the name of the step."""
    bounds_s: tuple[float, ...] = ()
    """The bounds on response times that the plan's target promises, in seconds: a drill that compares releases counts slower requests."""

    def until(self, obstacle: Callable[[], str], what: str, interval_s: float = 0.1) -> None:
        """Wait until nothing is in the way. Raises :class:`DrillOverdue` with ``what`` and the last obstacle when the time is over."""
        while reason := obstacle():
            if self.stop():
                raise DrillDisturbed("the drill was stopped")
            if left_s(self.deadline_ns) <= 0:
                raise DrillOverdue(f"{what}: {reason}")
            time.sleep(interval_s)


@dataclass(frozen=True, slots=True)
class DrillStep:
    """A step of a drill."""

    name: str
    """As reports show it: ``switch over``."""
    act: Callable[[DrillWork], Facts]
    """Does it and returns what it found. Raises :class:`DrillFailed`, :class:`DrillStopped` or :class:`DrillDisturbed`; whatever else it raises disturbed
    the drill."""


@dataclass(frozen=True, slots=True)
class DrillKind:
    """A kind of drill. Durations are in seconds."""

    name: str
    """``family.name``."""
    does: str
    """A sentence: what is done."""
    proven_by: str
    """A sentence: how its end state is proven, by another way than it is brought about."""
    put_back_by: str
    """A sentence: how everything is put back afterwards, or when it is given up at any step."""
    scope: tuple[str, ...]
    steps: tuple[DrillStep, ...]
    unfit: Callable[[Aim], str]
    """Why it cannot begin now; empty when it can."""
    prove: Callable[[DrillWork], tuple[Proof, ...]]
    """Checks its end state once. Shares no code with the steps."""
    undo: Callable[[Aim, int, Say], tuple[str, ...]]
    """Puts everything back until a deadline, from any process and any number of times, whatever steps were done."""
    safe: Callable[[Aim], tuple[Proof, ...]]
    """Checks once that everything is put back."""
    prove_stopped: Callable[[DrillWork], tuple[Proof, ...]] | None = None
    """Checks the end state once after the drill stopped by itself; ``None`` for a kind that never does."""
    misfit: Callable[[Topology, Mapping[str, Value], Mapping[str, Value]], str] = lambda _topology, _scope, _parameters: ""
    """Why its scope and all its parameters do not fit an environment with this topology; empty when they do. Pure."""
    parameters: tuple[Parameter, ...] = ()
    uses: tuple[str, ...] = ()
    """What it needs of the environment; see :data:`USES`."""
    environments: frozenset[str] = frozenset({"embedded"})
    """Kinds of environments on which it works."""
    proven_within_s: float = 10.0
    """How long the end state may take until its proof holds."""
    put_back_within_s: float = 60.0
    """The limit for the undo and its proof together."""
    ask_every_s: float = 0.2
    """Seconds between repeated checks (fit? proven?) while the answer is no."""

    @property
    def way_back(self) -> Kind:
        """This drill for the ledger: what the janitor and ``closeshave heal`` need to put everything back. It is never injected."""
        return Kind(
            name=self.name,
            does=self.does,
            observed_by="Never: it is no fault.",
            undone_by=self.put_back_by,
            scope=self.scope,
            expected=Expected.TOLERATES,
            unfit=self.unfit,
            inject=_never,
            look=lambda _aim, _injection: None,
            undo=self.undo,
            prove=self.safe,
            parameters=self.parameters,
            healed_within_s=self.put_back_within_s,
            environments=self.environments,
            ask_every_s=self.ask_every_s,
        )

    def problems(self, scope: Mapping[str, object], parameters: Mapping[str, object], environment: str | None) -> list[str]:
        """What is wrong with a scope and parameters, and with this kind on such an environment; empty when nothing is."""
        found = self.way_back.problems(scope, parameters)
        if environment is not None and environment not in self.environments:
            found.append(f"{self.name} does not work on {environment} environments; it works on: {', '.join(sorted(self.environments))}")
        return found

    def lacks(self, there: Collection[str]) -> list[str]:
        """What it needs and an environment that has ``there`` does not have, one sentence each."""
        return [f"{self.name} needs {USES[need]}" for need in self.uses if need not in there]


def _never(_aim: Aim, _strike_ns: int) -> Injection:
    raise RuntimeError("a drill is carried out, not injected")

"""A kind of fault: how to inject it, observe it, undo it and prove that it is undone; one frozen value for each kind.

A family is a folder of small modules that define such values; ``catalogue.py`` collects them, and those of installed packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from closeshave.deployment import Deployment, LinkKind
from closeshave.files.closest import meant
from closeshave.history import Injection, Sighting
from closeshave.plan import Expected, Fault
from closeshave.vocabulary import BACKGROUND, LIVE

Value = str | int | float | bool
Say = Callable[[str], None]
"""Shows a line of progress."""
USES: Mapping[str, str] = MappingProxyType(
    {
        "payments": "a payment provider, which runs if a variable of the application has {payments_url}",
        "webhooks": "a path for the payment provider's reports (application.webhooks)",
        "instructions": "an application that reads an operator's instructions, by a variable with {operations_file}",
        "bad release": "a release called bad and the place where instances say their version (application.releases.bad, application.version)",
        "tables": "the tables of the stand-in (application.tables: stand-in)",
        "pooler": "a pooler (pooler of the environment file)",
        "tls": "edges that serve HTTPS (edges: {tls: true} of the environment file)",
        "sentinels": "a tier under Sentinel (tiers of the environment file)",
        "valkey cluster": "a Valkey cluster (valkey_cluster of the environment file)",
        LIVE: "live updates over WebSocket (application.live_updates)",
        BACKGROUND: "workers, a broker and a query for their jobs (application.workers, tiers of the tier broker, application.read_back.jobs)",
    }
)
"""What a kind of fault may need of the application and its environment, and how an environment file says that it is there."""
OWNED = frozenset({"embedded", "containers"})
"""The kinds of environments that the harness runs itself: any part of them may be broken."""
OUTSIDE = frozenset({"remote", "kubernetes"})
"""The kinds of environments that others run: what an operator's hook can break, and on a cluster also what its API can."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kind. ``type`` is ``bool``, ``float``, ``int`` or ``str``; numbers must lie in ``at_least`` … ``at_most``."""

    name: str
    type: type[bool | float | int | str]
    default: Value
    about: str
    at_least: float = 0
    at_most: float = 3600
    among: tuple[str, ...] = ()
    """The only texts that are allowed; empty: any."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Text → what it needs of the environment, one of :data:`USES`."""

    def read(self, given: object) -> Value:
        """The value of this parameter as a plan, or an experiment's configuration (where everything is text), gives it. Raises :class:`ValueError`."""
        if self.type is bool:
            if isinstance(given, bool):
                return given
            if str(given).lower() in {"true", "false"}:
                return str(given).lower() == "true"
            raise ValueError(f"{self.name}: {given!r} is neither true nor false")
        if self.type is str:
            if self.among and str(given) not in self.among:
                raise ValueError(f"{self.name}: {given!r} is not one of {', '.join(self.among)}{meant(str(given), self.among)}")
            return str(given)
        try:
            number = int(str(given)) if self.type is int else float(str(given))
        except ValueError:
            raise ValueError(f"{self.name}: {given!r} is not a number") from None
        if not self.at_least <= number <= self.at_most:
            raise ValueError(f"{self.name}: {given!r} is not between {self.at_least:g} and {self.at_most:g}")
        return number


@dataclass(frozen=True, slots=True)
class Aim:
    """A kind together with a running environment, a scope and parameters: everything that its functions, and an undo by another process, need."""

    deployment: Deployment
    scope: Mapping[str, str | int]
    parameters: Mapping[str, Value]
    """Every parameter of the kind, defaults filled in."""

    @property
    def label(self) -> str:
        """``shard:1``, ``tier:cache`` or ``region:us-west-2``; several keys are joined by commas."""
        return ",".join(f"{key}:{value}" for key, value in self.scope.items())


@dataclass(frozen=True, slots=True)
class Step:
    """A further step of a fault while it is held, such as the next interruption of a flapping link."""

    after_s: float
    """Seconds after the injection began."""
    does: str
    """What the step does, for the timeline."""
    act: Callable[[Aim, int, Say], tuple[object, ...]]
    """Does it until a deadline (monotonic nanoseconds) and returns one entry for each change. Never called after healing has begun."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One condition of a healed environment, and what was seen."""

    what: str
    holds: bool
    saw: str

    def __str__(self) -> str:
        return f"{self.what}: {self.saw}"


@dataclass(frozen=True, slots=True)
class NotSeen:
    """A probe that did not see the fault in effect."""

    saw: str
    """What it saw instead, as a sentence without its full stop: ``the primary is still patroni-1``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. Durations are in seconds.

    ``inject`` injects at the given monotonic nanosecond and returns its evidence; ``look`` checks once whether the fault is in effect, by a way that
    shares nothing with the injection; ``undo`` repairs until a deadline, from any process and any number of times; ``prove`` checks once everything
    that must be true afterwards.
    """

    name: str
    """``family.name``."""
    does: str
    """A sentence: what happens to the environment."""
    observed_by: str
    """A sentence: how the probe sees it."""
    undone_by: str
    """A sentence: how it is healed and how that is proven."""
    scope: tuple[str, ...]
    expected: Expected
    """What is usually expected of a platform under this fault. A nemesis takes it; a fault that a plan lists states its own."""
    unfit: Callable[[Aim], str]
    """Why the environment is not ready for this fault now; empty when it is."""
    inject: Callable[[Aim, int], Injection]
    look: Callable[[Aim, Injection], Sighting | NotSeen | None]
    """``None`` is allowed for a probe that does not say what it saw instead."""
    undo: Callable[[Aim, int, Say], tuple[str, ...]] | None
    prove: Callable[[Aim], tuple[Proof, ...]] | None
    parameters: tuple[Parameter, ...] = ()
    links: tuple[LinkKind, ...] = ()
    """Kinds of links that it disturbs, or through which its probe asks: these must lead through a Toxiproxy."""
    uses: tuple[str, ...] = ()
    """What it needs of the application and its environment file; see :data:`USES`."""
    kills_etcd: bool = False
    """Whether it kills members of etcd. Not every version of etcd survives that (:class:`closeshave.environments.parts.Etcd`)."""
    lead_s: Callable[[Aim], float] = field(default=lambda _aim: 1.0)
    """How long before the injection ``inject`` must be called, so that it can read current roles and prepare."""
    observed_within_s: float = 5.0
    """A fault that is not seen in effect this long after the injection did not take effect."""
    healed_within_s: float = 60.0
    """The limit for undo and proof together."""
    environments: frozenset[str] = OWNED
    """Kinds of environments on which it works."""
    needs: str = ""
    """What it needs that other kinds of environments lack, as the end of a sentence; empty if it works on all that the harness runs."""
    effect_within_s: float | None = 10.0
    """How soon after the injection the scope's operations show it, by errors or latency compared with calm; ``None`` when they should not."""
    lasting: bool = True
    """Whether it stays in effect until it is undone, so that its probe keeps seeing it; false for a single event, like a flush."""
    ask_every_s: float = 0.02
    """Seconds between repeated checks (fit? in effect? healed?) while the answer is no."""
    why_worthless: Callable[[Aim, Injection, Callable[[], bool]], str] = field(default=lambda _aim, _injection, _stop: "")
    """Checked while the fault is seen in effect: why its proof of healing would succeed now too, and so proves nothing; empty when it would not."""
    hold_s: float = 20.0
    """How long an experiment that a person runs by hand holds it, unless told otherwise."""
    course: Callable[[Aim], Iterable[Step]] = field(default=lambda _aim: ())
    """Further steps while it is held, in time order; may be endless, because the end of the hold ends it."""

    def aim(self, deployment: Deployment, scope: Mapping[str, object], parameters: Mapping[str, object]) -> Aim:
        """This kind with ``deployment``, a scope and parameters. Raises :class:`ValueError` for a scope or parameter that the kind does not have."""
        problems = self.problems(scope, parameters)
        if problems:
            raise ValueError("; ".join(problems))
        known = {parameter.name: parameter for parameter in self.parameters}
        values = {name: known[name].read(parameters.get(name, known[name].default)) for name in known}
        # Experiments give everything as text; a shard is a number.
        aimed = {key: int(str(value)) if key == "shard" else str(value) for key, value in scope.items()}
        return Aim(deployment, aimed, values)

    def aim_of(self, deployment: Deployment, fault: Fault) -> Aim:
        """This kind with the scope and parameters of a plan's fault."""
        return self.aim(deployment, fault.scope, fault.parameters)

    def problems(self, scope: Mapping[str, object], parameters: Mapping[str, object]) -> list[str]:
        """What is wrong with a scope and parameters for this kind; empty when nothing is."""
        found = [f"{self.name} needs a scope with {key!r}" for key in self.scope if key not in scope]
        found += [
            f"{self.name} takes no scope {key!r}{meant(key, self.scope)}; it takes {', '.join(self.scope)}"
            for key in scope
            if key not in self.scope
        ]
        if "shard" in self.scope and not str(scope.get("shard", "0")).isdecimal():
            found.append(f"{self.name}: shard {scope['shard']!r} is not a number")
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, given in parameters.items():
            if name not in known:
                found.append(f"{self.name} has no parameter {name!r}{meant(name, known)}; it has {', '.join(known) or 'none'}")
                continue
            try:
                known[name].read(given)
            except ValueError as error:
                found.append(f"{self.name}: {error}")
        return found

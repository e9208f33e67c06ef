"""What every kind of environment does for a trial: one frozen value a kind, collected in ``drivers.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closeshave.clock import Anchor
from closeshave.deployment import Deployment
from closeshave.environments.status import PartStatus
from closeshave.history import EdgeCount, Signal
from closeshave.plan import Plan

Say = Callable[[str], None]
"""Shows a line of progress."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the operator permits for this run; needed only for remote platforms."""

    token: str = ""
    typed: str = ""
    """The environment's name, typed by a person."""


@dataclass(frozen=True, slots=True)
class Driver:
    """How one kind of environment is started, used, read and taken down. Nothing outside this package asks which kind it is."""

    kind: str
    ours: bool
    """Whether the harness starts and destroys it. A remote platform is only used, and each fault is healed."""
    place: Callable[[Any], Path]
    """The root of a new environment. For a remote platform it is always the same, so that open faults are found again."""
    admit: Callable[[Any, Plan, Permission], tuple[str, ...]]
    """Why this environment must not be loaded by this plan, a sentence each: asked before anything is started."""
    rate_cap: Callable[[Any], float | None]
    """The most requests a second that its owner allows; ``None`` without such a limit."""
    up: Callable[[Any, Path, Say, bool], Deployment]
    """Starts the environment from its definition (the class of this kind) in an empty root; returns when the deployment serves. The last argument says
    whether members of etcd will be killed there. Raises :class:`EnvironmentFailed`."""
    down: Callable[[Path, Path | None], tuple[str, ...]]
    """Take away what is below the root, its logs copied to a directory first where one is given; returns what could not be removed."""
    status: Callable[[Path], tuple[PartStatus, ...]]
    count_edges: Callable[[Deployment], tuple[EdgeCount, ...]] | None
    """Each edge's own counter of requests; ``None`` where only the senders count."""
    ledger: bool
    """Whether the payment provider's own ledger is part of the final state."""
    quiesce: Callable[[Deployment, float], None]
    """Wait until nothing is in flight, at most so many seconds. Raises :class:`OSError`."""
    export: Callable[[Deployment, Path, float, Say], Mapping[str, str]]
    """Write the final state of everything made since that many seconds after the epoch into the run directory; returns which parts of it could
    not be read (``final state of shard 2``), and why. Raises :class:`OSError` when nothing could be."""
    signals: Callable[[Deployment, Anchor, int, int], list[Signal]]
    """The platform's own signals (alerts, failovers) between two monotonic instants, in nanoseconds."""
    tidy: Callable[[Deployment, Path, Say], tuple[str, ...]]
    """Undo what a run left in an environment that stays running, and release it; returns what could not be undone."""
    narrow: Callable[[Any, Collection[str]], Any] = lambda definition, _kinds: definition
    """The same environment with Toxiproxy on links of these kinds only, where the harness decides that."""
    links_of: Callable[[Any], frozenset[str] | None] = lambda _definition: None
    """Kinds of links that a fault can disturb there; ``None`` where the harness does not know."""
    objections: Callable[[Any, Plan], tuple[str, ...]] = lambda _definition, _plan: ()
    """Why this plan must not run there, as far as that is known without asking the platform: used by ``validate`` and ``run``."""
    looks_inside: bool = False
    """Whether :attr:`export` also writes what caches and database members hold, each asked by itself."""

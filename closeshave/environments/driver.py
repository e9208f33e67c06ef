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
"""Takes a line of progress for whoever watches."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the operator gave for this very run; nothing of it is needed where nothing can be harmed."""

    token: str = ""
    typed: str = ""
    """The environment's name, typed by a person."""


@dataclass(frozen=True, slots=True)
class Driver:
    """How one kind of environment is had, read and left. Nothing outside this room asks which kind it is."""

    kind: str
    ours: bool
    """Whether the harness starts it and destroys it, faults and all. What is somebody else's is only visited, and healed fault by fault."""
    place: Callable[[Any], Path]
    """The root of an environment about to be had. Where it is not ours that is always the same, so that open faults are found again."""
    admit: Callable[[Any, Plan, Permission], tuple[str, ...]]
    """Why this environment must not be loaded by this plan, a sentence each: asked before anything is started."""
    rate_cap: Callable[[Any], float | None]
    """The most requests a second that its owner allows; ``None`` where nobody has to."""
    up: Callable[[Any, Path, Say, bool], Deployment]
    """From its definition (the class of this kind) and an empty root to a deployment that serves; the last argument says whether members of etcd
    will be killed there. Raises :class:`EnvironmentFailed`."""
    down: Callable[[Path, Path | None], tuple[str, ...]]
    """Take away what is below the root, its logs copied to a directory first where one is given; returns what could not be removed."""
    status: Callable[[Path], tuple[PartStatus, ...]]
    count_edges: Callable[[Deployment], tuple[EdgeCount, ...]] | None
    """Each edge's own counter of requests; ``None`` where nobody but the senders counts."""
    ledger: bool
    """Whether the payment provider's own ledger is part of the final state."""
    quiesce: Callable[[Deployment, float], None]
    """Wait until nothing is in flight, at most so many seconds. Raises :class:`OSError`."""
    export: Callable[[Deployment, Path, float, Say], Mapping[str, str]]
    """Write the final state of everything made since that many seconds after the epoch into the run directory; returns which parts of it could
    not be read (``final state of shard 2``), and why. Raises :class:`OSError` when nothing could be."""
    signals: Callable[[Deployment, Anchor, int, int], list[Signal]]
    """What the platform itself said (alerts, failovers) between two monotonic instants, in nanoseconds."""
    tidy: Callable[[Deployment, Path, Say], tuple[str, ...]]
    """Take back what a run left in an environment that goes on living, and let it go; returns what could not be taken back."""
    narrow: Callable[[Any, Collection[str]], Any] = lambda definition, _kinds: definition
    """The same environment with Toxiproxy on links of these kinds only, as far as it is ours to say."""
    links_of: Callable[[Any], frozenset[str] | None] = lambda _definition: None
    """Kinds of links that a fault can disturb there; ``None`` where that is not ours to say."""
    objections: Callable[[Any, Plan], tuple[str, ...]] = lambda _definition, _plan: ()
    """Why this plan must not be carried out there, as far as it can be told without asking anybody: ``validate`` and ``run`` ask the same."""
    looks_inside: bool = False
    """Whether :attr:`export` also writes what caches and database members hold, each asked by itself."""

"""What every kind of environment does for a trial: one frozen value for each kind, collected in ``drivers.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closeshave.clock import Anchor
from closeshave.deployment import Deployment, DrillHook
from closeshave.environments.status import PartStatus
from closeshave.history import AlertNote, AlertRule, EdgeCount, Signal
from closeshave.plan import Plan

Say = Callable[[str], None]
"""Shows a line of progress."""
Lacks = Callable[[str, str], None]
"""Notes a part of the final state that could not be read (``final state of shard 2``), and why."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the operator permits for this run; needed only for remote platforms."""

    token: str = ""
    typed: str = ""
    """The environment's name, typed by a person."""


@dataclass(frozen=True, slots=True)
class Driver:
    """How one kind of environment is started, used, read and removed. Nothing outside this package asks which kind it is."""

    kind: str
    ours: bool
    """Whether the harness starts and removes it. A remote platform is only used, and each fault is healed."""
    place: Callable[[Any], Path]
    """The root of a new environment. For a remote platform it is always the same, so that open faults are found again."""
    admit: Callable[[Any, Plan, Permission], tuple[str, ...]]
    """Why this plan must not load this environment, one sentence each; called before anything is started."""
    rate_cap: Callable[[Any], float | None]
    """The highest number of requests per second that its owner allows; ``None`` without such a limit."""
    up: Callable[[Any, Path, Say, bool], Deployment]
    """Starts the environment from its definition (the class of this kind) in an empty root; returns when the deployment serves. The last argument says
    whether members of etcd will be killed there. Raises :class:`EnvironmentFailed`."""
    down: Callable[[Path, Path | None], tuple[str, ...]]
    """Removes what is below the root, after copying its logs to a directory if one is given; returns what could not be removed."""
    status: Callable[[Path], tuple[PartStatus, ...]]
    count_edges: Callable[[Deployment], tuple[EdgeCount, ...]] | None
    """Each edge's own counter of requests; ``None`` where only the senders count."""
    ledger: Callable[[Any], bool]
    """Whether the payment provider's own ledger is part of the final state."""
    quiesce: Callable[[Deployment, float], None]
    """Waits until nothing is in flight, at most so many seconds. Raises :class:`OSError`."""
    export: Callable[[Deployment, Path, float, Say, Lacks], None]
    """Writes the final state of everything created since an instant (seconds after the epoch) into the run directory.

    Says which parts could not be read as soon as it knows, because a later part may fail: it then raises :class:`OSError`.
    """
    signals: Callable[[Deployment, Anchor, int, int], list[Signal]]
    """The platform's own signals (alerts, failovers) between two monotonic instants, in nanoseconds."""
    clean_up: Callable[[Deployment, Path, Say], tuple[str, ...]]
    """Removes what a run left in an environment that stays running, and releases it; returns what could not be removed."""
    narrow: Callable[[Any, Collection[str], Collection[str]], Any] = lambda definition, _kinds, _uses: definition
    """The same environment with Toxiproxy only on links of these kinds, and with those extra parts (:attr:`has`) that drills use, if the harness decides
    that."""
    links_of: Callable[[Any], frozenset[str] | None] = lambda _definition: None
    """Kinds of links that a fault can disturb there; ``None`` if the harness does not know."""
    objections: Callable[[Any, Plan], tuple[str, ...]] = lambda _definition, _plan: ()
    """Why this plan must not run there, as far as this is known without a request to the platform; used by ``validate`` and ``run``."""
    looks_inside: Callable[[Any], bool] = lambda _definition: False
    """Whether :attr:`export` also writes what each cache and each database member holds."""
    tells_jobs: Callable[[Deployment], bool] = lambda _deployment: False
    """Whether workers run in a running environment, and :attr:`export` also writes what became of their jobs."""
    offers: Callable[[Any], frozenset[str] | None] = lambda _definition: None
    """What its application offers to faults (:attr:`closeshave.faults.kind.Kind.uses`); ``None`` if the harness does not know."""
    has: Callable[[Any, Mapping[str, str | int]], frozenset[str]] = lambda _definition, _scope: frozenset()
    """What it has for drills at a scope, such as ``standby`` or ``backups`` (:data:`closeshave.drills.kind.USES`)."""
    releases: Callable[[Any], tuple[str, ...]] = lambda _definition: ()
    """The names of the releases that a drill may deploy."""
    instances: Callable[[Any], int] = lambda _definition: 0
    """How many instances of the application each region has; 0 if the harness does not know."""
    tiers: Callable[[Any], tuple[str, ...] | None] = lambda _definition: None
    """The tiers that are there; ``None`` if the harness does not know."""
    alert_rules: Callable[[Any], tuple[str, ...] | None] = lambda _definition: None
    """The names of the rules that may raise alerts there; ``None`` if the harness does not know."""
    ask_alerts: Callable[[Deployment, Anchor, int, int], tuple[tuple[AlertNote, ...], tuple[AlertRule, ...]]] | None = None
    """Asks the platform's monitoring which alerts began and ended between two monotonic instants, and which rules it has, where it does not tell by
    itself. Raises :class:`OSError`."""
    drill_hooks: Callable[[Any], tuple[DrillHook, ...]] = lambda _definition: ()
    """The hooks with which its operator carries out drills."""

"""The settings of the generators: one frozen value in ``load.json``, which the trial writes before they start."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from closeshave import private
from closeshave.api import known
from closeshave.api.profile import ApiProfile
from closeshave.caps import offered
from closeshave.deployment import Capabilities, Deployment, Proxy
from closeshave.files import jsonfile, write_atomically
from closeshave.plan import Canaries, Plan, Role, Traffic
from closeshave.shapes import Shape
from closeshave.topology import Topology
from closeshave.traffic.conventions import Days
from closeshave.traffic.runfiles import SenderKind

FILE = "load.json"
ACCOUNTS_FILE = "accounts.json"
LOOK_EVERY_S = 0.02
"""In the private directory of the run (:mod:`closeshave.private`), never in the run directory."""


class LoadRefused(ValueError):
    """This load cannot be sent to this platform. The message says all that whoever wrote the plan needs to know."""


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """A phase of the load; ``starts_s`` counts from the load's start."""

    name: str
    role: Role
    starts_s: float
    duration_s: float
    sessions_per_s: float
    """The rate, or the highest rate if there is a shape."""
    shape: Shape | None = None

    @property
    def ends_s(self) -> float:
        """Seconds after the load's start."""
        return self.starts_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Load:
    """Everything that a generator needs to know, except the instant of the start."""

    run: str
    """The run directory."""
    run_id: str
    seed: int
    phases: tuple[LoadPhase, ...]
    traffic: Traffic
    canaries: Canaries
    topology: Topology
    edges: Mapping[str, str]
    """Region → URL of its edge endpoint, without a trailing slash."""
    tokens: str
    """Path of the file of logged-in accounts."""
    requests: int
    """The customers' generator stops by itself after so many requests."""
    canary_requests: int = 0
    """The canaries' generator stops by itself after so many requests, which are part of the plan's largest number; 0 if there is no limit."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    """What the platform can do, and its limits."""
    api: ApiProfile = field(default_factory=known.shipped)
    """The dialect of the platform's API."""
    proxy: Proxy | None = None
    """The proxy for requests to the edges."""
    authority: str = ""
    """The file of the only certificate authority that is trusted; empty: those of the system."""
    withheld: tuple[str, ...] = ()
    """Environment variables with secrets that a generator does not need."""
    days: Days = "all"
    """Which of the bookable days this load books: two loads of one trial must not compete for slots."""
    rate_scale: float = 1.0
    """What the plan's rates were multiplied by to get those of this load."""
    first: int = 0
    """The index of this machine's first process among those of all load machines that send customers' requests."""
    among: int | None = None
    """The number of processes of all load machines; ``None`` when this machine alone sends."""
    leased: bool = False
    """Whether the load goes on only while somebody touches the lease file (:func:`closeshave.traffic.runfiles.lease_file`)."""

    @property
    def duration_s(self) -> float:
        """From the load's start to the end of its last phase, in seconds."""
        return self.phases[-1].ends_s

    def most(self, kind: SenderKind) -> int | None:
        """How many requests all workers of the generator of this kind may send together; ``None`` without a limit."""
        return self.requests if kind == "customers" else self.canary_requests or None

    def placed(self, index: int, count: int) -> tuple[int, int]:
        """The index of one of this machine's ``count`` processes among those of all machines, and the number of all."""
        return self.first + index, count if self.among is None else self.among

    @property
    def tag(self) -> str:
        """The text in the notes of everything that this run creates."""
        return f"closeshave:{self.run_id}"

    def save(self) -> Path:
        """Write ``load.json`` into the run directory."""
        path = Path(self.run) / FILE
        write_atomically(path, _CODEC.dump_json(self, indent=1))
        return path


_CODEC: TypeAdapter[Load] = TypeAdapter(Load)


def json_of(load: Load) -> str:
    """A load as text, for another machine."""
    return _CODEC.dump_json(load).decode()


def of_json(text: str) -> Load:
    """The reverse. Raises :class:`ValueError` for text that is no load, without showing it."""
    try:
        return _CODEC.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"no load of this version: {error.errors(include_input=False, include_url=False)[0]['msg']}") from None


def load(path: Path) -> Load:
    """Read ``load.json``. Raises :class:`FileNotFoundError`, or :class:`closeshave.files.jsonfile.Damaged` when it holds no load."""
    return jsonfile.read(path, _CODEC)


def plan_load(plan: Plan, deployment: Deployment, run: Path, run_id: str) -> Load:
    """The load of ``plan`` on ``deployment``. Pure."""
    phases = tuple(
        LoadPhase(phase.name, phase.role, plan.starts_s(phase.name), phase.duration, phase.sessions_per_s, phase.shape)
        for phase in plan.phases
    )
    of_canaries = offered.requests_of_canaries(plan, deployment.topology)
    return Load(
        run=str(run.absolute()),
        run_id=run_id,
        seed=plan.seed,
        phases=phases,
        traffic=plan.traffic,
        canaries=plan.canaries,
        topology=deployment.topology,
        edges={edge.region: edge.url for edge in deployment.edges},
        tokens=str(private.place(run) / ACCOUNTS_FILE),
        requests=plan.limits.requests - of_canaries,
        canary_requests=of_canaries,
        capabilities=deployment.capabilities,
        api=deployment.api,
        proxy=deployment.proxy,
        authority=deployment.authority,
        withheld=deployment.secrets.not_for_senders,
    )


def part(total: int, worker: int, workers: int) -> int:
    """The share of ``total`` for the worker with this index; the shares of all workers add up to the total."""
    return total // workers + (worker < total % workers)


def awaited(path: Path, parent: int) -> bool:
    """Wait until the load is saved at ``path``; ``False`` when the trial, whose process is ``parent``, ended before it was."""
    while not path.exists():
        if os.getppid() != parent:
            return False
        time.sleep(LOOK_EVERY_S)
    return True

"""One trial in progress: what its steps share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from closeshave import history
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.environments import drivers
from closeshave.environments.alerting.receiver import AlertReceiver
from closeshave.environments.driver import Driver
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence.resources import Sampler
from closeshave.faults.child import Child
from closeshave.faults.forkserver import ForkServer
from closeshave.faults.janitor import Janitor
from closeshave.history import Manifest, Mark
from closeshave.machines.master import LoadMachines
from closeshave.machines.sending import MachinesGenerator
from closeshave.traffic.followers import Followers
from closeshave.traffic.generator import Generator
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.traffic.runfiles import SenderKind
from closeshave.trial.display import Display
from closeshave.trial.joinsecret import JoinSecret
from closeshave.trial.preparation import Prepared

LOGGING_IN, CALIBRATING = "logging customers in", "calibrating"
"""Steps of a trial, as they are told, that not every trial of a series has in full."""
SENDERS: tuple[Literal["customers"], Literal["canary"]] = ("customers", "canary")


class SafetyStop(Exception):
    """The trial stopped itself, because going on could leave something broken or prove nothing."""


class EnvironmentLost(EnvironmentFailed):
    """The whole environment has ended."""


@dataclass(slots=True)
class Trial:
    """One run in progress: what its steps share. Everything lasting is in files; this object only holds handles."""

    prepared: Prepared
    run: Path
    manifest: Manifest
    display: Display
    attach: Path | None
    logins: KeptLogins | None = None
    """Customers who stay logged in from one trial of a series to the next."""
    deployment: Deployment | None = None
    guard: Janitor | None = None
    launched: dict[SenderKind, Generator] = field(default_factory=dict)
    """Senders that wait for their load."""
    generators: list[Generator | MachinesGenerator] = field(default_factory=list)
    machines: LoadMachines | None = None
    """Where load machines join; ``None`` when this machine alone sends."""
    join_file: Path | None = None
    """What a machine needs to join; removed at the end."""
    join_secret: JoinSecret | None = None
    """Where pods find it; emptied at the end."""
    sampler: Sampler | None = None
    followers: Followers | None = None
    receiver: AlertReceiver | None = None
    children: dict[str, Child] = field(default_factory=dict)
    forks: ForkServer | None = None
    root: Path | None = None
    loaded: bool = False
    """Whether requests may have been sent that changed the platform."""
    edges_before: tuple[history.EdgeCount, ...] | None = None
    lost: bool = False
    """Whether the whole environment has ended."""
    left: tuple[str, ...] = ()
    """What could not be removed."""
    doing: str = ""
    """What is going on, for a person."""
    to_do: tuple[str, ...] = ()
    """What remains of the clean-up after that."""

    @property
    def driver(self) -> Driver:
        """What the environment's kind does for a trial."""
        return drivers.of(self.prepared.definition.kind)

    @property
    def serving(self) -> Deployment:
        """The deployment. Must not be used before the environment serves."""
        assert self.deployment is not None
        return self.deployment

    @property
    def owned(self) -> bool:
        """Whether the environment was started by this trial, and is removed with it."""
        return self.attach is None and self.driver.ours

    def sample(self) -> None:
        """Start to record what the machine and every group of processes use, unless it is already recorded. Raises :class:`OSError`."""
        if self.sampler is None:
            self.sampler = Sampler.start(Path(self.serving.root), self.run, self.serving.secrets.all)

    def follow(self) -> None:
        """Let customers follow their bookings by WebSocket, if they can and do in this run. Raises :class:`OSError`."""
        if self.manifest.followed_within_s is not None and self.followers is None:
            self.followers = Followers.start(Path(self.serving.root), self.run, self.serving.secrets.not_for_senders)

    def say(self, text: str, heading: str = "", style: str = "") -> None:
        """Show a line of progress; ``heading`` is printed before the text, in ``style``. Never raises."""
        self.display.say(text, heading, style)

    def begin(self, what: str) -> None:
        """From now on this is what is going on. Never raises."""
        self.doing = what
        self.display.doing(what)

    def outlook(self) -> str:
        """What is going on and what is left to do, for an operator who is waiting for the end."""
        left = f"; left to do: {', '.join(self.to_do)}" if self.to_do else ""
        return f"now: {self.doing}{left}" if self.doing else ""

    def mark(self, kind: str, detail: str = "") -> None:
        """Add a mark to the timeline."""
        history.record(self.run, Mark(now_ns(), kind, detail))

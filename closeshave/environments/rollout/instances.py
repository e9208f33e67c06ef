"""One instance is replaced: out of its balancer, ended, started in another release, ready, asked for its version, and back into its balancer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from closeshave.clients import balancer, versions
from closeshave.clients.balancer import Unavailable
from closeshave.control import machine, processes
from closeshave.control.waiting import obstacle
from closeshave.deployment import Balancer, Deployment, Process
from closeshave.environments import listening, readiness
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.rollout.steps import Replaced
from closeshave.files.plaintext import log_end

DRAINED_WITHIN_S = 20.0
"""The balancer itself gives up a request after 15 s."""
ENDS_WITHIN_S = 10.0
"""How long a process may take after SIGTERM; then it is killed."""
KILLED_WITHIN_S = 5.0
SAYS_WITHIN_S = 10.0
"""How long a ready instance may take to answer its version."""
STAYS_S = 3.0
"""A worker that still runs after it is taken to be started."""
BACK_WITHIN_S = 15.0
"""The balancer's check asks every second."""
LOOK_EVERY_S = 0.05


class RolloutFailed(EnvironmentFailed):
    """A release could not be rolled out; the message says which instance, why, and which release runs now."""


class RolloutUnfit(RolloutFailed):
    """The environment did not serve as it should before the rollout: nothing was changed."""


class RolloutLate(RolloutFailed):
    """An instance was not where it should be within the time for it: the release's fault, or that of a machine that others use."""


class VersionNotSeen(RolloutFailed):
    """Every instance is ready, but one answers another version than the one that was asked for."""


class GivenUp(RolloutFailed):
    """The rollout was given up on request."""


@dataclass(frozen=True, slots=True)
class RolloutSite:
    """Where instances are replaced."""

    deployment: Deployment
    start: Callable[[Process], object]
    """Starts a process of the environment. Raises :class:`OSError`, :class:`RuntimeError`."""
    stop: Event = field(default_factory=Event)
    """Set when nobody waits for the result any more."""

    @property
    def root(self) -> Path:
        """Of the environment."""
        return Path(self.deployment.root)

    def balancer(self, process: Process) -> Balancer:
        """That of the instance's region. Raises :class:`RolloutFailed`."""
        for each in self.deployment.balancers:
            if each.region == process.region:
                return each
        raise RolloutFailed("the balancers of this environment cannot be told to leave an instance out: start the environment again")


def replace_one(site: RolloutSite, new: Process, wanted: str | None, *, back: bool = True) -> Replaced:
    """Replace the instance of this name. ``wanted`` is the version that it must answer then; ``None``: it is not asked. Unless ``back`` it stays out of
    its balancer: it is ready, and gets no requests.

    Raises :class:`RolloutFailed`; the instance may then be in any state.
    """
    at = site.balancer(new)
    began_s = time.monotonic()
    try:
        balancer.drain(at, new.name)
        cut = _drained(site, at, new.name)
        drained_s = time.monotonic() - began_s
        end(site, new)
        begin(site, new)
        said = _serving(site, new, wanted)
        if back:
            _put_back(site, at, new.name)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None
    return Replaced(new.name, said, cut, drained_s, time.monotonic() - began_s)


def leave(site: RolloutSite, process: Process) -> int:
    """Take an instance out of its balancer, wait until its requests have ended, and end it; returns how many had not ended.

    Raises :class:`RolloutFailed`; the instance may then be in any state.
    """
    at = site.balancer(process)
    try:
        balancer.drain(at, process.name)
        cut = _drained(site, at, process.name)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None
    end(site, process)
    return cut


def join(site: RolloutSite, process: Process) -> None:
    """Start an instance, wait until it is ready, and let its balancer send it requests. Raises :class:`RolloutFailed`, as :func:`leave`."""
    at = site.balancer(process)
    try:
        # Not before it is ready: the balancer's own check may still think well of an instance that was there before.
        balancer.drain(at, process.name)
        begin(site, process)
        _serving(site, process, None)
        _put_back(site, at, process.name)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None


def switch(site: RolloutSite, to: Sequence[Process], off: Sequence[Process]) -> None:
    """Let some ready instances have requests, and then others no more. Raises :class:`RolloutFailed`; the requests in flight of the others go on."""
    try:
        for process in to:
            _put_back(site, site.balancer(process), process.name)
        for process in off:
            balancer.drain(site.balancer(process), process.name)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None


def end(site: RolloutSite, process: Process) -> None:
    """End whatever runs under this name, politely first. Raises :class:`RolloutFailed` when it does not end."""
    everyone = processes.family(site.root, process)
    processes.send(everyone[:1], signal.SIGTERM)
    processes.send(everyone, signal.SIGCONT)
    left = processes.gone(everyone, ENDS_WITHIN_S)
    processes.send(left, signal.SIGKILL)
    if left := processes.gone(left, KILLED_WITHIN_S):
        raise RolloutFailed(f"{process.name} (pid {left[0].pid}) does not end, even when it is killed")


def begin(site: RolloutSite, process: Process) -> None:
    """Start it. Raises :class:`RolloutFailed`."""
    try:
        site.start(process)
    except (OSError, EnvironmentFailed, machine.MachineFailed) as error:
        raise RolloutFailed(f"{process.name} cannot be started: {error}") from None


def refuse_ended(site: RolloutSite, process: Process) -> None:
    """Raises :class:`RolloutFailed` when the process does not run."""
    if processes.find(site.root, process) is None:
        raise RolloutFailed(f"{process.name} ended while it was starting; {log_end(site.root / 'logs' / f'{process.name}.log')}")


def refuse_short_lived(site: RolloutSite, started: Sequence[Process]) -> None:
    """Raises :class:`RolloutFailed` when one of these processes, which say nothing of themselves, ends soon after its start."""

    def ends_no_more() -> str:
        for process in started:
            refuse_ended(site, process)
        return "still watched"

    if started:
        _seen(site, ends_no_more, STAYS_S)


def said_by(site: RolloutSite, app: Process) -> str | None:
    """The version that a ready instance answers, once it does."""
    obstacle(lambda: "" if versions.of(site.deployment, app) else "none", SAYS_WITHIN_S, LOOK_EVERY_S)
    return versions.of(site.deployment, app)


def _drained(site: RolloutSite, at: Balancer, name: str) -> int:
    """Wait until its requests have ended; returns how many have not. Raises :class:`GivenUp`: then it was not ended, and they go on."""
    _seen(site, lambda: "in flight" if balancer.view(at, name).in_flight else "", DRAINED_WITHIN_S)
    return balancer.view(at, name).in_flight


def _serving(site: RolloutSite, app: Process, wanted: str | None) -> str | None:
    asked = site.deployment.application.readiness

    def unready() -> str:
        refuse_ended(site, app)
        return readiness.of_application(app, asked)

    if lack := _seen(site, unready, asked.within):
        log = log_end(site.root / "logs" / f"{app.name}.log")
        raise RolloutLate(f"{app.name} was not ready within {asked.within:g} s: {lack}{listening.elsewhere(site.root, app)}; {log}")
    if wanted is None:
        return None
    if _seen(site, lambda: "" if versions.of(site.deployment, app) == wanted else "another version", SAYS_WITHIN_S):
        said = versions.of(site.deployment, app)
        raise VersionNotSeen(f"{app.name} answers {f'version {said}' if said else 'no version'}, not {wanted}")
    return wanted


def _put_back(site: RolloutSite, at: Balancer, name: str) -> None:
    balancer.put_back(at, name)
    _wait(site, lambda: _not_back(at, name), BACK_WITHIN_S, f"{name} is ready, but its balancer does not send it requests")


def _not_back(at: Balancer, name: str) -> str:
    seen = balancer.view(at, name)
    return "" if seen.serves else seen.status


def _wait(site: RolloutSite, look: Callable[[], str], within_s: float, trouble: str) -> None:
    if seen := _seen(site, look, within_s):
        raise RolloutLate(f"{trouble} after {within_s:g} s: {seen}")


def _seen(site: RolloutSite, look: Callable[[], str], within_s: float) -> str:
    """What is in the way at last; ends early when nobody waits any more. Raises :class:`GivenUp`."""

    def looked() -> str:
        if site.stop.is_set():
            raise GivenUp("the rollout was given up")
        return look()

    return obstacle(looked, within_s, LOOK_EVERY_S)

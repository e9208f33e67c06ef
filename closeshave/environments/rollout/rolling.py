"""A rollout from its first instance to its last, and back: whatever fails, every instance has the release from before again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.clients import edges
from closeshave.control.waiting import obstacle
from closeshave.deployment import Deployment, Process, load
from closeshave.environments import readiness
from closeshave.environments.driver import Say
from closeshave.environments.rollout import instances, record
from closeshave.environments.rollout.instances import GivenUp, RolloutFailed, RolloutLate, RolloutSite, RolloutUnfit, VersionNotSeen
from closeshave.environments.rollout.record import RolloutRecord
from closeshave.environments.rollout.starting import Starting
from closeshave.environments.rollout.steps import Replaced, Rollout, Wave, one_per_region, planned, processes_of

READY_WITHIN_S = 5.0
"""For instances that should be ready before anything is changed."""
REACHED_WITHIN_S = 15.0
"""For the edges, which ask each region twice a second."""

Order = Callable[[Deployment], tuple[Wave, ...]]
Abort = Callable[[], str]
"""Asked before each wave: why the rollout must be given up; empty to go on."""
Told = Callable[[Replaced], None]
Start = Callable[[Deployment], AbstractContextManager[Starting]]
"""What starts the processes of the rollout."""


@dataclass(frozen=True, slots=True)
class RolledOut:
    """A rollout that was carried out."""

    rollout: Rollout
    replaced: tuple[Replaced, ...]
    took_s: float


def never() -> str:
    """Nothing gives the rollout up."""
    return ""


def roll(
    root: Path,
    release: str,
    say: Say,
    *,
    order: Order = one_per_region,
    abort: Abort = never,
    told: Told = lambda _replaced: None,
    start: Start = Starting,
) -> RolledOut:
    """Make every instance and worker of the environment run this release; returns when all of them serve and every edge reaches its region.

    A release that already runs is restarted in the same way. Raises :class:`RolloutFailed`; then every instance has the release from before again, or the
    message says that it could not be restored. Raises :class:`closeshave.environments.rollout.record.RolloutBusy`. An interruption leaves the record, by
    which :func:`go_back`, or the next rollout, restores the release from before.
    """
    began_s = time.monotonic()
    with record.alone(root):
        _restore(root, say)
        deployment = _asked(load(root), release)
        rollout = planned(deployment, release, order(deployment))
        wanted = _wanted(deployment, release)
        done: list[Replaced] = []
        with start(deployment) as starting:
            site = RolloutSite(deployment, starting.start)
            try:
                for each in _carry_out(site, rollout, wanted, abort):
                    done.append(each)
                    told(each)
            except RolloutFailed as error:
                raise type(error)(f"{error}; {_undone(root, rollout.before, say)}") from None
            except BaseException:
                site.stop.set()
                raise
        _with_release(deployment, release).save()
        record.remove(root)
    return RolledOut(rollout, tuple(done), time.monotonic() - began_s)


def go_back(root: Path, say: Say) -> str:
    """Restore the release from before, if a rollout was not finished; returns what was done, empty if nothing was to be done.

    Raises :class:`RolloutFailed`, :class:`closeshave.environments.rollout.record.RolloutBusy`.
    """
    if record.unfinished(root) is None:
        return ""
    with record.alone(root):
        return _restore(root, say)


def _asked(deployment: Deployment, release: str) -> Deployment:
    """The deployment, with the version of the release that runs. Raises :class:`RolloutFailed` when it does not serve as it should, before any change."""
    application = deployment.application
    if release not in application.releases:
        raise RolloutFailed(f"this environment has no release {release}; it has {', '.join(application.releases) or 'none'}")
    apps = [process for process in deployment.processes if process.role == "app"]
    site = RolloutSite(deployment, lambda _process: None)
    if lack := obstacle(lambda: readiness.first(readiness.of_application(app, application.readiness) for app in apps), READY_WITHIN_S):
        raise RolloutUnfit(f"nothing was changed, because {lack}")
    for app in apps:
        site.balancer(app)
    if application.version is None:
        return deployment
    running = application.releases[application.release]
    said = {app.name: instances.said_by(site, app) for app in apps}
    version = running.version or said[apps[0].name]
    if not version or set(said.values()) != {version}:
        answers = ", ".join(f"{name} answers {each or 'none'}" for name, each in said.items())
        wanted = f"version {running.version}" if running.version else "the same version"
        raise RolloutUnfit(f"nothing was changed, because not every instance answers {wanted}: {answers}")
    releases = {**application.releases, application.release: replace(running, version=version)}
    return replace(deployment, application=replace(application, releases=releases))


def _wanted(deployment: Deployment, release: str) -> str | None:
    """The version that instances of a release must answer: a release that states none has that of the declared one."""
    application = deployment.application
    if application.version is None:
        return None
    return application.releases[release].version or application.releases[application.declared].version


def _carry_out(site: RolloutSite, rollout: Rollout, wanted: str | None, abort: Abort) -> Iterable[Replaced]:
    there = processes_of(site.deployment, rollout.after)
    version = site.deployment.application.releases[rollout.before].version
    has: dict[str, str] = {}

    def note(names: Iterable[str]) -> None:
        has.update(dict.fromkeys(names, rollout.after))
        record.write(site.root, RolloutRecord(rollout.before, rollout.after, dict(has), version))

    for wave in rollout.waves:
        if why := abort():
            raise GivenUp(f"the rollout of {rollout.after} was given up: {why}")
        note(wave)
        yield from _together(site, [there[name] for name in wave], wanted)
    note(rollout.workers)
    _workers(site, [there[name] for name in rollout.workers])
    _reached(site.deployment)


def _together(site: RolloutSite, wave: list[Process], wanted: str | None) -> list[Replaced]:
    """Replace the instances of a wave. Raises the first failure, when all of them have come to an end."""
    with ThreadPoolExecutor(max(1, len(wave))) as pool:
        try:
            going = [pool.submit(instances.replace_one, site, process, wanted) for process in wave]
            return [each.result() for each in going]
        except BaseException:
            site.stop.set()
            raise


def _workers(site: RolloutSite, workers: list[Process]) -> None:
    for worker in workers:
        instances.end(site, worker)
        instances.begin(site, worker)
    instances.refuse_short_lived(site, workers)


def _reached(deployment: Deployment) -> None:
    """Every edge sends its customers to its own region again: one whose region has a single instance did not meanwhile."""
    unreached = obstacle(
        lambda: next((edge.region for edge in deployment.edges if not edges.reaches(edge, edge.region).startswith("UP")), ""),
        REACHED_WITHIN_S,
    )
    if unreached:
        raise RolloutLate(f"every instance is ready, but the edge of {unreached} does not reach its region after {REACHED_WITHIN_S:g} s")


def _undone(root: Path, before: str, say: Say) -> str:
    """The end of a message: what runs now."""
    try:
        _restore(root, say)
    except RolloutFailed as error:
        return f"the release {before} could not be restored: {error}; 'closeshave env down --root {root}' removes the environment"
    return f"all instances run {before} again"


def _restore(root: Path, say: Say) -> str:
    """What :func:`go_back` does, under the lock. Raises :class:`RolloutFailed`."""
    left = record.unfinished(root)
    if left is None:
        return ""
    deployment = load(root)
    if deployment.application.release == left.after != left.before:
        # It was finished, up to the removal of its record.
        record.remove(root)
        return ""
    say(f"{left.told()}; going back to {left.before}")
    there = processes_of(deployment, left.before)
    wanted = left.version or None
    changed = [there[name] for name in left.instances if name in there]
    with Starting(deployment) as starting:
        site = RolloutSite(deployment, starting.start)
        for wave in reversed(one_per_region(deployment)):
            _together(site, [process for process in changed if process.name in wave], wanted)
        _workers(site, [process for process in changed if process.role == "worker"])
        _reached(deployment)
    record.remove(root)
    return f"the rollout of {left.after} was not finished; all instances run {left.before} again"


def _with_release(deployment: Deployment, release: str) -> Deployment:
    """The deployment whose declared processes are those of this release: whoever repairs it starts these. Pure."""
    there: Mapping[str, Process] = processes_of(deployment, release)
    return replace(
        deployment,
        processes=tuple(there.get(process.name, process) for process in deployment.processes),
        application=replace(deployment.application, release=release),
    )


__all__ = ["GivenUp", "RolledOut", "RolloutFailed", "VersionNotSeen", "go_back", "roll"]

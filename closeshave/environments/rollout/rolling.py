"""A rollout from its first instance to its last, and back: whatever fails, every instance has the release from before again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.clients import balancer, edges
from closeshave.control import processes
from closeshave.control.waiting import obstacle
from closeshave.deployment import Deployment, Process, load
from closeshave.environments import readiness
from closeshave.environments.driver import Say
from closeshave.environments.rollout import instances, record, weights
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
        rollout = _begun(root, release, say, order)
        done = _replaced(root, rollout.waves, say, abort, told, start=start)
        _finished(root, say)
    return RolledOut(rollout, done, time.monotonic() - began_s)


def begin(root: Path, release: str, say: Say, order: Order) -> Rollout:
    """Begin a rollout that is carried out in stages: :func:`advance` with some of its instances, and :func:`finish` when all are replaced.

    Nothing is changed yet, but from here on :func:`go_back` restores the release from before, whatever became of the stages. Raises as :func:`roll`.
    """
    with record.alone(root):
        return _begun(root, release, say, order)


def advance(
    root: Path,
    waves: Iterable[Wave],
    say: Say,
    *,
    back: bool = True,
    abort: Abort = never,
    told: Told = lambda _replaced: None,
) -> tuple[Replaced, ...]:
    """Replace some more instances of a rollout that was begun; unless ``back`` they are ready then, and get no requests.

    Raises :class:`RolloutFailed`; then every instance has the release from before again. Raises
    :class:`closeshave.environments.rollout.record.RolloutBusy`.
    """
    with record.alone(root):
        return _replaced(root, waves, say, abort, told, back=back)


def finish(root: Path, say: Say) -> None:
    """End a rollout whose instances are all replaced: workers follow, all weights are as declared, and the deployment names the release.

    Raises as :func:`advance`.
    """
    with record.alone(root):
        _finished(root, say)


def under_way(root: Path) -> RolloutRecord:
    """The rollout that was begun. Raises :class:`RolloutFailed` if somebody has ended it."""
    left = record.unfinished(root)
    if left is None:
        raise RolloutFailed("the rollout was ended by somebody else")
    return left


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


def _knowing(deployment: Deployment, left: RolloutRecord) -> Deployment:
    """The deployment, with the version of the release from before, which its file may not state. Pure."""
    before = deployment.application.releases[left.before]
    releases = {**deployment.application.releases, left.before: replace(before, version=before.version or left.version)}
    return replace(deployment, application=replace(deployment.application, releases=releases))


def _begun(root: Path, release: str, say: Say, order: Order) -> Rollout:
    """What :func:`begin` does, under the lock."""
    _restore(root, say)
    deployment = _asked(load(root), release)
    rollout = planned(deployment, release, order(deployment))
    version = deployment.application.releases[rollout.before].version
    record.write(root, RolloutRecord(rollout.before, rollout.after, {}, version))
    return rollout


def _replaced(
    root: Path, waves: Iterable[Wave], say: Say, abort: Abort, told: Told, *, back: bool = True, start: Start = Starting
) -> tuple[Replaced, ...]:
    """What :func:`advance` does, under the lock."""
    done: list[Replaced] = []
    left = under_way(root)
    deployment = _knowing(load(root), left)
    there, wanted = processes_of(deployment, left.after), _wanted(deployment, left.after)
    with _or_back(root, left, say), start(deployment) as starting:
        site = RolloutSite(deployment, starting.start)
        for wave in waves:
            if why := abort():
                raise GivenUp(f"the rollout of {left.after} was given up: {why}")
            _note(root, wave)
            for each in _together(site, [there[name] for name in wave], wanted, back=back):
                done.append(each)
                told(each)
    return tuple(done)


def _finished(root: Path, say: Say) -> None:
    """What :func:`finish` does, under the lock."""
    left = under_way(root)
    deployment = _knowing(load(root), left)
    workers = [process for process in processes_of(deployment, left.after).values() if process.role == "worker"]
    with _or_back(root, left, say):
        weights.as_declared(deployment)
        _note(root, [worker.name for worker in workers])
        # Workers are no instances, and so are not forked.
        _workers(RolloutSite(deployment, lambda process: processes.start(root, deployment.id, process)), workers)
        _reached(deployment)
    _with_release(deployment, left.after).save()
    record.remove(root)


@contextmanager
def _or_back(root: Path, left: RolloutRecord, say: Say) -> Iterator[None]:
    """What fails in the block is told with what runs then: the release from before."""
    try:
        yield
    except RolloutFailed as error:
        raise type(error)(f"{error}; {_undone(root, left.before, say)}") from None


def _note(root: Path, names: Iterable[str]) -> None:
    """Write down that these instances may have the new release from now on."""
    left = under_way(root)
    record.write(root, replace(left, instances={**left.instances, **dict.fromkeys(names, left.after)}))


def _together(site: RolloutSite, wave: list[Process], wanted: str | None, *, back: bool = True) -> list[Replaced]:
    """Replace the instances of a wave. Raises the first failure, when all of them have come to an end."""
    with ThreadPoolExecutor(max(1, len(wave))) as pool:
        try:
            going = [pool.submit(instances.replace_one, site, process, wanted, back=back) for process in wave]
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
    _shelter(deployment, left.instances)
    with Starting(deployment) as starting:
        site = RolloutSite(deployment, starting.start)
        for wave in reversed(one_per_region(deployment)):
            _together(site, [process for process in changed if process.name in wave], wanted)
        _workers(site, [process for process in changed if process.role == "worker"])
        _reached(deployment)
    record.remove(root)
    return f"the rollout of {left.after} was not finished; all instances run {left.before} again"


def _shelter(deployment: Deployment, changed: Collection[str]) -> None:
    """Let the instances that still have the release from before serve at once, alone where they are at least half of their region's and healthy.

    So customers of a release that is bad are rid of it before the first instance of it is replaced.
    """
    try:
        for at in deployment.balancers:
            here = [process.name for process in deployment.owned_by(at.region) if process.role == "app"]
            for name in set(here) - set(changed):
                balancer.put_back(at, name)
            serve = [name for name in here if name not in changed and balancer.view(at, name).serves]
            if 2 * len(serve) >= len(here):
                for name in set(here) & set(changed):
                    balancer.drain(at, name)
            for name in here:
                balancer.weigh_as_declared(at, name)
    except balancer.Unavailable as error:
        raise RolloutFailed(str(error)) from None


def _with_release(deployment: Deployment, release: str) -> Deployment:
    """The deployment whose declared processes are those of this release: whoever repairs it starts these. Pure."""
    there: Mapping[str, Process] = processes_of(deployment, release)
    return replace(
        deployment,
        processes=tuple(there.get(process.name, process) for process in deployment.processes),
        application=replace(deployment.application, release=release),
    )


__all__ = ["GivenUp", "RolledOut", "RolloutFailed", "VersionNotSeen", "advance", "begin", "finish", "go_back", "roll", "under_way"]

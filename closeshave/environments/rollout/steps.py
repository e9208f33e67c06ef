"""What a rollout will do, before it does anything. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

from closeshave.deployment import Deployment, Process

Wave = tuple[str, ...]
"""Instances that are replaced at the same time."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout that can be carried out, reported wave by wave, given up and undone."""

    before: str
    """The release that runs. It may be the same: then every instance is only restarted."""
    after: str
    waves: tuple[Wave, ...]
    """Instances, in the order in which they are replaced."""
    workers: tuple[str, ...]
    """Processes that serve no customers. They are replaced last, all at once."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """One instance that was replaced."""

    instance: str
    version: str | None
    """What it answers now; ``None`` for an application that does not say."""
    cut: int
    """Requests that had not ended within the time for them, and were ended with the old process."""
    drained_s: float
    """Until the requests in flight had ended."""
    out_s: float
    """From the moment when it got no more requests until it got some again."""


def one_by_one(deployment: Deployment) -> tuple[Wave, ...]:
    """One instance after another, region after region: how a careful operator does it under load."""
    return tuple((app.name,) for app in _apps(deployment))


def one_per_region(deployment: Deployment) -> tuple[Wave, ...]:
    """One instance of every region at the same time, so that each balancer keeps its others: quick, for an environment without load."""
    by_region: dict[str | None, list[str]] = {}
    for app in _apps(deployment):
        by_region.setdefault(app.region, []).append(app.name)
    return tuple(tuple(filter(None, wave)) for wave in zip_longest(*by_region.values()))


def all_at_once(deployment: Deployment) -> tuple[Wave, ...]:
    """All instances at the same time: the quickest, for an environment without customers, who would get no answer meanwhile."""
    return (tuple(app.name for app in _apps(deployment)),)


def planned(deployment: Deployment, after: str, waves: tuple[Wave, ...]) -> Rollout:
    """The rollout of a release. Raises :class:`KeyError` for one that the environment does not have."""
    there = processes_of(deployment, after)
    return Rollout(deployment.application.release, after, waves, tuple(name for name, process in there.items() if process.role == "worker"))


def processes_of(deployment: Deployment, release: str) -> Mapping[str, Process]:
    """Every process of a release by its name. Raises :class:`KeyError`."""
    return {process.name: process for process in deployment.application.releases[release].processes}


def _apps(deployment: Deployment) -> list[Process]:
    return [process for process in deployment.processes if process.role == "app"]

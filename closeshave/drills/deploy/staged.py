"""What deploys in stages share: a watched stage of a rollout, and the way back when the release is bad."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from closeshave.deployment import Deployment, load
from closeshave.drills.deploy.releases import DEPLOYED, as_drill, balanced, found, given_up, say_replaced, serving, unfit_for_any
from closeshave.drills.deploy.watching import ReleaseWatch
from closeshave.drills.kind import DrillStopped, DrillWork, Facts
from closeshave.environments.rollout import rolling
from closeshave.environments.rollout.instances import GivenUp
from closeshave.environments.rollout.steps import Replaced
from closeshave.faults.kind import Aim, Proof
from closeshave.history import STOPPED_AT


def unfit(aim: Aim) -> str:
    """Unfit also where a balancer has nobody to share requests with, or does not tell of them."""
    deployment = load(Path(aim.deployment.root))
    if not all(at.tells for at in deployment.balancers):
        return "the balancers of this environment do not tell of their requests: start the environment again"
    alone = [at.region for at in deployment.balancers if len(instances_of(deployment, at.region)) < 2]
    if alone:
        return f"{alone[0]} has a single instance of the application: there is nothing to compare a release with"
    return unfit_for_any(aim)


def instances_of(deployment: Deployment, region: str) -> list[str]:
    """The instances of a region."""
    return [process.name for process in deployment.owned_by(region) if process.role == "app"]


def part_of(deployment: Deployment, share: float) -> tuple[str, ...]:
    """The instances that have the new release when it gets this share: of each region as many as that, at least one, and never all below 100 %. Pure."""
    chosen: list[str] = []
    for at in deployment.balancers:
        names = instances_of(deployment, at.region)
        chosen += names if share >= 1 else names[: min(max(1, int(len(names) * share)), len(names) - 1)]
    return tuple(chosen)


def advance(work: DrillWork, names: Sequence[str], watch: ReleaseWatch | None, share: float, *, back: bool = True) -> Facts:
    """Replace these instances, one after another, while the release is watched.

    Raises as :func:`closeshave.drills.deploy.releases.roll`, and :class:`DrillStopped`.
    """
    root = Path(work.aim.deployment.root)
    regions = {process.name: process.region or "" for process in load(root).processes}

    def replaced(one: Replaced) -> None:
        say_replaced(work, one)
        if watch is not None and back:
            watch.counting.join(regions[one.instance], one.instance, time.monotonic())

    with as_drill(work):
        try:
            done = rolling.advance(
                root,
                [(name,) for name in names],
                work.say,
                back=back,
                abort=lambda: given_up(work) or (watch.look() if watch is not None else ""),
                told=replaced,
            )
        except GivenUp:
            # It has gone back by then.
            if watch is not None and watch.worse:
                stop(work, watch, share)
            raise
    return found(done)


def stop(work: DrillWork, watch: ReleaseWatch, share: float) -> NoReturn:
    """Go back from a release that is worse, and raise :class:`DrillStopped`."""
    began_s = time.monotonic()
    with as_drill(work):
        rolling.go_back(Path(work.aim.deployment.root), work.say)
    # What it answered until it was out.
    watch.look()
    counts = watch.counting
    raise DrillStopped(
        f"the release {work.aim.parameters[DEPLOYED.name]} was bad and was stopped at {share:.0%}; {counts.hurt:,} of the {counts.got:,} requests that it "
        f"got were hurt: {watch.worse}",
        {**watch.facts(share), STOPPED_AT: share, "gone_back_s": round(time.monotonic() - began_s, 3)},
    )


def proven_back(work: DrillWork) -> tuple[Proof, ...]:
    """After a stop customers get the release from before everywhere, from all instances alike."""
    root = Path(work.aim.deployment.root)
    return (balanced(root), *serving(root, load(root).application.declared))

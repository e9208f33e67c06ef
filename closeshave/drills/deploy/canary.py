"""A new release gets a tenth of every region's requests, then half, then all, and is stopped as soon as it is worse than the one that runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from closeshave.deployment import load
from closeshave.drills.deploy import staged
from closeshave.drills.deploy.releases import DEPLOYED, PIDS, as_drill, deploy_kind, instances_now, replaced, serving
from closeshave.drills.deploy.watching import PARAMETERS, releases_of, watch_of
from closeshave.drills.kind import DrillStep, DrillWork, Facts
from closeshave.environments.rollout import rolling, weights
from closeshave.environments.rollout.steps import one_by_one
from closeshave.faults.kind import Proof

SHARES = (0.1, 0.5)
"""The shares at which the release is watched."""
BEGIN, REST = "begin", "to 100 %"


def at(share: float) -> str:
    """The name of the step at a share."""
    return f"at {share * 100:g} %"


def begin(work: DrillWork) -> Facts:
    """Write down that a rollout has begun: from here on whoever finds it goes back."""
    root, release = Path(work.aim.deployment.root), str(work.aim.parameters[DEPLOYED.name])
    before = instances_now(root)
    with as_drill(work):
        rolling.begin(root, release, work.say, one_by_one)
    return {"release": release, PIDS: before}


def raise_to(work: DrillWork, share: float) -> Facts:
    """Give the release this share of every region's requests, and watch it."""
    root, release = Path(work.aim.deployment.root), str(work.aim.parameters[DEPLOYED.name])
    deployment = load(root)
    with as_drill(work):
        left = rolling.under_way(root)
        part = staged.part_of(deployment, share)
        weights.give(deployment, part, share)
    with watch_of(work, releases_of(deployment, release, left.version), len(SHARES)) as watch:
        for name in left.instances:
            watch.counting.join(deployment.process(name).region or "", name, 0.0)
        done = staged.advance(work, [name for name in part if name not in left.instances], watch, share)
        watch.until_enough()
        watch.keep(f"share-{share:.0%}".rstrip("%"))
        if watch.worse:
            staged.stop(work, watch, share)
        watch.refuse_wrong_shares(share)
        return {**done, **watch.facts(share), **watch.noticed()}


def finish(work: DrillWork) -> Facts:
    """Replace the other instances, and the workers."""
    root = Path(work.aim.deployment.root)
    with as_drill(work):
        left = rolling.under_way(root)
    done = staged.advance(work, [name for name in staged.part_of(load(root), 1.0) if name not in left.instances], None, 1.0)
    with as_drill(work):
        rolling.finish(root, work.say)
    return done


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Customers get the new release everywhere, from new processes."""
    root = Path(work.aim.deployment.root)
    return (replaced(root, work.facts[BEGIN].get(PIDS)), *serving(root, str(work.aim.parameters[DEPLOYED.name])))


KIND = deploy_kind(
    "deploy.canary",
    "Deploys a release to some instances of each region, gives it 10 %, 50 %, then all of the requests by the balancers' weights, and stops it as soon as "
    "more of its requests are bad (errors, or slower than the target's bounds) than of the release before at the same time.",
    "Requests through every region's edge, as customers send them: all answers name the new version, or after a stop the one from before. Every instance "
    "has a new process.",
    (DrillStep(BEGIN, begin), *(DrillStep(at(share), partial(raise_to, share=share)) for share in SHARES), DrillStep(REST, finish)),
    proven,
    unfit=staged.unfit,
    prove_stopped=staged.proven_back,
    parameters=PARAMETERS,
)

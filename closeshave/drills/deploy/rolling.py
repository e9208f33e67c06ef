"""Another release replaces the one that runs, one instance after another, while customers are served."""

from __future__ import annotations

from pathlib import Path

from closeshave.drills.deploy.releases import DEPLOYED, PIDS, deploy_kind, replaced, roll, serving
from closeshave.drills.kind import DrillStep, DrillWork, Facts
from closeshave.faults.kind import Proof

ROLL = "roll out"


def roll_out(work: DrillWork) -> Facts:
    """Roll the release out; where an instance does not become ready, or answers another version, the rollout goes back by itself."""
    return roll(work, str(work.aim.parameters[DEPLOYED.name]))


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Customers get the new release everywhere, from new processes."""
    root = Path(work.aim.deployment.root)
    return (replaced(root, work.facts[ROLL].get(PIDS)), *serving(root, str(work.aim.parameters[DEPLOYED.name])))


KIND = deploy_kind(
    "deploy.rolling",
    "Deploys a release: one instance after another is taken out of its balancer, ends its requests, is replaced, is ready, and is put back.",
    "Requests through every region's edge, as customers send them: all answers name the new version. Every instance has a new process.",
    (DrillStep(ROLL, roll_out),),
    proven,
)

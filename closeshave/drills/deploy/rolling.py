"""Another release replaces the one that runs, one instance after another, while customers are served."""

from __future__ import annotations

from pathlib import Path

from closeshave.drills.deploy.releases import DEPLOYED, PIDS, PUT_BACK_WITHIN_S, replaced, roll, safe, serving, undo, unfit
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults.kind import Proof

ROLL = "roll out"


def roll_out(work: DrillWork) -> Facts:
    """Roll the release out; where an instance does not become ready, or answers another version, the rollout goes back by itself."""
    return roll(work, str(work.aim.parameters[DEPLOYED.name]))


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Customers get the new release everywhere, from new processes."""
    root = Path(work.aim.deployment.root)
    return (replaced(root, work.facts[ROLL].get(PIDS)), *serving(root, str(work.aim.parameters[DEPLOYED.name])))


KIND = DrillKind(
    name="deploy.rolling",
    does="Deploys a release: one instance after another is taken out of its balancer, ends its requests, is replaced, is ready, and is put back.",
    proven_by="Requests through every region's edge, as customers send them: all answers name the new version. Every instance has a new process.",
    put_back_by="Rolls the environment's own release out again; proven by requests through every edge, and every instance being ready.",
    scope=(),
    steps=(DrillStep(ROLL, roll_out),),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(DEPLOYED,),
    uses=("releases",),
    put_back_within_s=PUT_BACK_WITHIN_S,
)

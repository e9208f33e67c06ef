"""A release that was just deployed is rolled back to the one from before, while customers are served: only the way back is timed."""

from __future__ import annotations

from pathlib import Path

from closeshave.deployment import load
from closeshave.drills.deploy.releases import DEPLOYED, PIDS, PUT_BACK_WITHIN_S, replaced, roll, safe, serving, undo, unfit
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults.kind import Proof
from closeshave.history import TIMED

ROLL, BACK = "roll out", "roll back"


def roll_out(work: DrillWork) -> Facts:
    """Deploy the release from which the drill goes back."""
    return roll(work, str(work.aim.parameters[DEPLOYED.name]))


def roll_back(work: DrillWork) -> Facts:
    """Roll the release from before out again, as quickly as instances can be replaced under load."""
    return {**roll(work, load(Path(work.aim.deployment.root)).application.declared), TIMED: True}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """Customers get the release from before everywhere, from new processes."""
    root = Path(work.aim.deployment.root)
    return (replaced(root, work.facts[BACK].get(PIDS)), *serving(root, load(root).application.declared))


KIND = DrillKind(
    name="deploy.rollback",
    does="Deploys a release, and rolls it back to the one from before. Its duration counts from the first instance that is rolled back.",
    proven_by="Requests through every region's edge, as customers send them: all answers name the version from before. Every instance has a new process.",
    put_back_by="Rolls the environment's own release out where another one is left; proven by requests through every edge.",
    scope=(),
    steps=(DrillStep(ROLL, roll_out), DrillStep(BACK, roll_back)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    parameters=(DEPLOYED,),
    uses=("releases",),
    put_back_within_s=PUT_BACK_WITHIN_S,
)

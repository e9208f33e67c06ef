"""A release that was just deployed is rolled back to the one from before, while customers are served: only the way back is timed."""

from __future__ import annotations

from pathlib import Path

from closeshave.deployment import load
from closeshave.drills.deploy.releases import DEPLOYED, PIDS, deploy_kind, replaced, roll, serving
from closeshave.drills.kind import DrillStep, DrillWork, Facts
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


KIND = deploy_kind(
    "deploy.rollback",
    "Deploys a release, and rolls it back to the one from before. Its duration counts from the first instance that is rolled back.",
    "Requests through every region's edge, as customers send them: all answers name the version from before. Every instance has a new process.",
    (DrillStep(ROLL, roll_out), DrillStep(BACK, roll_back)),
    proven,
)

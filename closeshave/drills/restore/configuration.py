"""Settings, keys and certificates of all parts are lost, and come back from the newest of the copies that are made of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from closeshave.deployment import Deployment, Process
from closeshave.drills.kind import DrillKind
from closeshave.drills.restore.trees import Restorable, interval, stands_for
from closeshave.faults.kind import Proof

CHECKED_WITHIN_S = 10.0
PROXIES = ("haproxy", "edge")
"""The roles of processes whose program checks its settings without being started."""


def places(deployment: Deployment) -> Sequence[str]:
    """Every directory from which parts start."""
    return tuple(str(Path(each).relative_to(deployment.root)) for each in deployment.configuration)


def accepted(deployment: Deployment) -> tuple[Proof, ...]:
    """HAProxy reads the settings of each of its processes, and the edges' certificates, and accepts them."""
    wrong = [f"{process.name}: {said}" for process in deployment.processes if process.role in PROXIES and (said := _refusal(process))]
    return (Proof("HAProxy accepts the settings of each of its processes", not wrong, "; ".join(wrong) or "all of them"),)


def _refusal(process: Process) -> str:
    """Why HAProxy refuses the settings from which a process starts; empty if it accepts them."""
    try:
        done = subprocess.run(
            [process.argv[0], "-c", *process.argv[1:]], capture_output=True, text=True, timeout=CHECKED_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if done.returncode == 0:
        return ""
    # Notices come first: which version it is, and where it lies.
    return next((line.strip() for line in done.stderr.splitlines() if "[ALERT]" in line), f"exit code {done.returncode}")


TREE = Restorable("configuration", places, accepted)
KIND = DrillKind(
    name="restore.configuration",
    does="Writes into the directory of the parts' settings while a copy of settings, keys and certificates is made once in an interval; then all of them "
    "are lost, and restored from the newest copy.",
    proven_by="The checksums that were noted when each file was written, the lost directories themselves, which were only moved aside (bytes, "
    "permissions, owner), and HAProxy, which accepts what came back.",
    put_back_by="Moves the lost directories back, with what parts wrote since, and removes the copies and the drill's own files; proven by both being "
    "gone, ready applications, and every edge leading to its own region.",
    scope=(),
    steps=TREE.steps(),
    unfit=TREE.unfit,
    prove=TREE.proven,
    undo=TREE.undo,
    safe=TREE.safe,
    parameters=(interval(1), stands_for(60)),
)

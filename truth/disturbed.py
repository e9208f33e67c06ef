"""Drills that were disturbed: what they do not test kept them from being carried out. Each must be inconclusive, with the reason, and never a fail.

As sabotage, all of it is done from outside.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.conclusion import Conclusion, conclude
from closeshave.control import processes
from closeshave.control.processes import poll_until, read_identity
from closeshave.deployment import load
from closeshave.faults import repair
from closeshave.faults.waiting import after
from closeshave.faults.watch import RECORD
from closeshave.files import write_atomically
from truth.sabotage import PLAN, server_of, wait
from truth.scene import Scene
from truth.stage import HERE, TARGET, Stage

CHECKED = "check the backup"
"""The step after which the harness is killed: the restored database is being made."""
BEGUN_WITHIN_S, HEALED_WITHIN_S, ENDED_WITHIN_S = 240.0, 120.0, 10.0


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that disturbs a drill."""

    name: str
    what: str
    verdict: str
    """ID of the verdict that must be inconclusive."""
    reason: str
    """A regular expression that its reason must match."""
    act: Callable[[Scene], None] | None = None
    """Called while the trial runs; ``None``: the harness itself is killed."""
    plan: str = PLAN


def end_the_backup_server(scene: Scene) -> None:
    """Kill the backup server's receiver before the drill begins, until the trial is over."""
    scene.sleep_until_phase("broken", 3.0)
    root, there = Path(scene.deployment.root), scene.deployment
    receiver = there.process(server_of(scene).process)
    family = processes.family(root, receiver)
    processes.send(family, signal.SIGKILL)
    processes.gone(family, ENDED_WITHIN_S)
    try:
        wait(scene)
    finally:
        repair.revive(there, [receiver.name], after(ENDED_WITHIN_S), lambda _line: None)


def fill_the_disk(scene: Scene) -> None:
    """Let a program before ``cp`` copy to a device that is full: the error is the kernel's own, and the machine's disk is spared."""
    root = Path(scene.deployment.root)
    right, place = load(root), root / "sabotage"
    place.mkdir(exist_ok=True)
    copy = shutil.which("cp") or "/bin/cp"
    write_atomically(place / "cp", f"#!/bin/sh\nexec {copy} {sys.executable} /dev/full\n", 0o755)
    path = f"PATH={place}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    replace(right, programs=replace(right.programs, words=("env", path, *right.programs.words))).save()
    try:
        wait(scene)
    finally:
        right.save()
        shutil.rmtree(place)


def carry_out_and_kill(stage: Stage, plan: str) -> Conclusion:
    """A trial by the command, killed (``kill -9``) in the middle of its drill; judged when its janitor has put everything back.

    Raises :class:`RuntimeError` if it ended before that, or its janitor does not end.
    """
    before = set(stage.runs.iterdir())
    command = [sys.executable, "-m", "closeshave", "run", str(HERE / "plans" / f"{plan}.yaml"), "--target", str(TARGET)]
    command += ["--environment", stage.environment, "--runs", str(stage.runs), "--attach", str(stage.root), "--quiet"]
    with (stage.runs / "killed.log").open("ab") as log:
        harness = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    scene: Scene | None = None

    def begun() -> bool:
        nonlocal scene
        if scene is None:
            new = [path for path in stage.runs.iterdir() if path not in before and (path / "manifest.json").exists()]
            scene = Scene(new[0], stage.deployed) if new else None
        return harness.poll() is not None or (scene is not None and scene.drill_did(CHECKED))

    try:
        found = poll_until(begun, BEGUN_WITHIN_S, 0.02)
    finally:
        ended = harness.poll()
        harness.kill()
        harness.wait()
    if scene is None or not found or ended is not None:
        raise RuntimeError(f"the trial did not come to its drill (exit code {ended}); see killed.log beside the runs")
    janitor = read_identity(scene.run / RECORD)
    if janitor is None or not poll_until(lambda: not janitor.alive, HEALED_WITHIN_S):
        raise RuntimeError(f"the janitor of {scene.run.name} does not end; see its logs/janitor.log")
    return conclude(scene.run)


CASES = (
    Disturbance("backup-server-down", "the backup server does not run", "drill/restore", "could not begin: backup-shard1.* does not run",
                end_the_backup_server),
    Disturbance("restore-disk-full", "the disk of the restored database is full", "drill/restore", "the disk is full", fill_the_disk),
    Disturbance("harness-killed", "the harness is killed in the middle of a drill", "drill/restore",
                "was not carried out to its end|ended before it said how|the run ended early"),
)  # fmt: skip

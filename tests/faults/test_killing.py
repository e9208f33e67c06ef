"""Killing: exactly the processes that were meant, all of them, and proven."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Process
from closeshave.faults.freezing import freeze, unstopped
from closeshave.faults.killing import StillAlive, kill, postmaster, states, victims_of
from closeshave.faults.waiting import after
from tests.faults import toys

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"


def started(toy: Deployment, process: Process) -> Process:
    """The process, running."""
    processes.start(Path(toy.root), toy.id, process)
    return process


def test_descendants_die_too_and_are_named(toy: Deployment) -> None:
    """What a process started dies with it; each is listed by program, part and process ID."""
    part = started(toy, Process("parent", "app", None, (sys.executable, "-c", PARENT)))
    assert poll_until(lambda: len(victims_of(toy, [part])) == 2, 20)
    victims = victims_of(toy, [part])
    done = kill(victims, now_ns())
    assert [(touched.name, touched.pid) for touched in done.touched] == [("parent", victim.identity.pid) for victim in victims]
    assert not any(victim.identity.alive for victim in victims)
    assert toys.alive(toy) == {"near-0": True, "near-1": True, "far-0": True}


def test_kill_waits_for_its_instant(toy: Deployment) -> None:
    """Nothing dies before the injection, and everything is dead when it says so."""
    strike = after(0.2)
    done = kill(victims_of(toy, [toy.process("near-0")]), strike)
    assert strike <= done.began_ns <= done.dead_ns <= now_ns()


def test_no_process_to_kill_is_an_error(toy: Deployment) -> None:
    """A fault that finds no process was not injected, and must not be reported as injected."""
    part = toy.process("near-0")
    victims = victims_of(toy, [part])
    kill(victims, now_ns())
    with pytest.raises(StillAlive, match="no process to kill"):
        kill(victims, now_ns())
    assert victims_of(toy, [part]) == ()


def test_what_a_process_does_is_told_beside_its_name(toy: Deployment) -> None:
    """Of one that did not stop or die in time it says why: it runs, sleeps, or waits for a disk."""
    victims = victims_of(toy, [toy.process("near-0")])
    assert poll_until(lambda: states(victims).endswith(f"near-0 pid {victims[0].identity.pid} (sleeping)"), 20)
    assert unstopped(victims) == states(victims)
    freeze(victims, now_ns())
    assert states(victims).endswith("(stopped)")
    assert unstopped(victims) == ""
    kill(victims, now_ns())
    assert states(victims).endswith("(gone)")


def test_left_behind_pid_file_names_no_process(toy: Deployment, tmp_path: Path) -> None:
    """The ID in the file of a killed daemon may belong to another process by now: one that started later is not the daemon."""
    file = tmp_path / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n")
    process = replace(toy.process("near-0"), pid_file=str(file))
    assert [victim.identity.pid for victim in postmaster(toy, process)][:1] == [os.getpid()]
    long_ago = time.time() - 86_400
    os.utime(file, (long_ago, long_ago))
    assert postmaster(toy, process) == ()

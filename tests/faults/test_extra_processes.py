"""Processes that exist because of a fault are found by their mark, and only those of this environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.faults import extra_processes
from closeshave.faults.waiting import after, until
from tests.faults import toys


def test_substitute_takes_the_place_of_the_declared_process(toy: Deployment) -> None:
    """It is recorded under the same name, has the changed settings, and is found by a search for it."""
    near = toy.process("near-0")
    extra_processes.end([identity for identity in [processes.find(Path(toy.root), near)] if identity])
    new = extra_processes.start(toy, near, {"SKEW": "+1"})
    assert processes.find(Path(toy.root), near) == new
    assert "SKEW=+1" in Path(f"/proc/{new.pid}/environ").read_text().split("\0")
    assert extra_processes.running(toy, ["near-0", "near-1"]) == {new: "near-0"}
    assert extra_processes.running(toy, ["near-1"]) == {}
    extra_processes.end([new])
    assert extra_processes.running(toy, ["near-0"]) == {}


def test_a_stopped_process_ends_too(toy: Deployment) -> None:
    """A hanging process is resumed so that it receives the signal to end."""
    new = extra_processes.start(toy, toy.process("near-0").__class__("other", "helper", None, ("sleep", "60")), {})
    os.kill(new.pid, signal.SIGSTOP)
    extra_processes.end([new], polite_s=5)
    assert not new.alive


@pytest.mark.parametrize("ended", ["told", "killed"])
def test_squeezed_process_runs_on_when_its_helper_ends(ended: str, toy: Deployment) -> None:
    """While squeezed it is stopped most of the time; when the helper is asked to end, it leaves the process running; when the helper is killed,
    healing resumes it.
    """
    near = toy.process("near-0")
    target = processes.find(Path(toy.root), near)
    assert target is not None
    handle = target.handle()
    assert handle is not None
    helper = extra_processes.start_helper(
        toy, "squeeze-near-0", "squeeze", *map(repr, (target.pid, target.started, 0.2, 0.2, now_ns(), 60.0))
    )
    assert until(lambda: handle.status() == "stopped", after(20), interval_s=0.01)
    assert list(extra_processes.running(toy, ["squeeze-near-0"])) == [helper]
    if ended == "told":
        extra_processes.end([helper])
        assert handle.status() != "stopped"
    else:
        processes.send([helper], signal.SIGKILL)
        assert processes.gone([helper], 5) == []
    processes.send([target], signal.SIGCONT)
    assert until(lambda: toys.answers(near.ports[0]), after(5))


def test_squeezer_ends_with_its_target(toy: Deployment) -> None:
    """Without a process to squeeze the helper has no reason to run."""
    target = processes.find(Path(toy.root), toy.process("near-0"))
    assert target is not None
    helper = extra_processes.start_helper(
        toy, "squeeze-near-0", "squeeze", *map(repr, (target.pid, target.started, 0.5, 0.1, now_ns(), 60.0))
    )
    processes.send([target], signal.SIGKILL)
    assert processes.gone([helper], 20) == []

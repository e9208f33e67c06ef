"""kill -9 of a harness: the janitor leaves nothing broken, nothing running, and the run directory where it is."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.control.processes import identify, poll_until
from closeshave.deployment import Deployment
from closeshave.faults import janitor, runmark
from closeshave.faults.ledger import Ledger
from tests.faults import toys
from tests.faults.harness import harness, janitor_log, janitor_of
from tests.faults.timelines import edges, marks

DESTROY = (
    "import shutil, sys\n"
    "from pathlib import Path\n"
    "from closeshave import deployment\nfrom closeshave.control import processes\n"
    "root = Path(sys.argv[1])\n"
    "left = processes.sweep(deployment.load(root).id)\n"
    "shutil.rmtree(root)\n"
    "sys.exit(len(left))\n"
)


def test_attached_environment_is_healed(toy: Deployment, run: Path) -> None:
    """Every open fault is undone and proven, the harness's helpers are gone, the environment's parts are not."""
    with harness(run, Path(toy.root)) as process:
        assert poll_until(lambda: "injected" in edges(run), 60)
        guard = janitor_of(run)
        assert len(runmark.helpers(run)) == 2  # its load generator and its experiment
        process.kill()
        process.wait()
        assert poll_until(lambda: not guard.alive, 60), janitor_log(run)
    assert toys.alive(toy) == {"near-0": True, "near-1": True, "far-0": True}
    assert Ledger(run).open() == ()
    assert ("abort", "the harness has died; the janitor heals the environment") in marks(run)


@pytest.mark.thorough
def test_owned_environment_is_destroyed(toy: Deployment, run: Path) -> None:
    """The command that takes the environment down runs; the ledger is closed, and nothing claims a healing."""
    with harness(run, Path(toy.root), sys.executable, "-c", DESTROY, toy.root) as process:
        assert poll_until(lambda: "injected" in edges(run), 60)
        guard = janitor_of(run)
        process.kill()
        process.wait()
        assert poll_until(lambda: not guard.alive, 60), janitor_log(run)
    assert processes.marked(toy.id) == []
    assert not Path(toy.root).exists()
    assert Ledger(run).open() == ()
    assert "verified-healed" not in edges(run)


@pytest.mark.servers
def test_harness_that_hangs_is_ended(toy: Deployment, run: Path) -> None:
    """A harness that exists but sends no heartbeat for longer than its lease is killed before its environment is healed."""
    with harness(run, Path(toy.root)) as process:
        assert poll_until(lambda: "injected" in edges(run), 60)
        guard = janitor_of(run)
        process.send_signal(signal.SIGSTOP)
        assert poll_until(lambda: not guard.alive, 60), janitor_log(run)
        assert process.wait(5) == -signal.SIGKILL
    assert Ledger(run).open() == ()


@pytest.mark.thorough
def test_what_the_harness_could_not_remove_is_tried_again_until_it_is_gone(toy: Deployment, run: Path) -> None:
    """For example when a container engine does not answer for a while: the harness ends, and the janitor keeps trying."""
    obstacle = run / "away"
    obstacle.touch()
    later = f"import os, sys\nif os.path.exists({str(obstacle)!r}): sys.exit(4)\n{DESTROY}"
    with janitor.Heartbeat(run):
        guard = janitor.start(run, Path(toy.root), (sys.executable, "-c", later, toy.root))
        guard.leave_to()
        assert poll_until(lambda: "exit code 4" in janitor_log(run), 30)
    assert guard.alive
    assert Path(toy.root).exists()
    obstacle.unlink()
    assert poll_until(lambda: not guard.alive, 30), janitor_log(run)
    assert not Path(toy.root).exists()
    assert processes.marked(toy.id) == []


@pytest.mark.thorough
def test_dismissed_janitor_ends_quietly(toy: Deployment, run: Path) -> None:
    """When everything is in order the janitor ends and touches nothing; its death can be detected."""
    with janitor.Heartbeat(run):
        guard = janitor.start(run, Path(toy.root), None)
        assert guard.alive
        guard.dismiss()
        assert not guard.alive
    assert marks(run) == []


@pytest.mark.thorough
def test_janitor_is_detached(toy: Deployment, run: Path) -> None:
    """It has a session of its own, no parent whose end would end it, and ignores the signals that end a shell's jobs."""
    with janitor.Heartbeat(run):
        guard = janitor.start(run, Path(toy.root), None)
        try:
            assert os.getsid(guard.identity.pid) != os.getsid(0)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(guard.identity.pid, number)
            assert identify(guard.identity.pid) == guard.identity
        finally:
            guard.dismiss()

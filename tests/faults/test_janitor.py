"""kill -9 of a harness: the janitor leaves nothing broken, nothing running, and the run directory where it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closeshave import history, processes
from closeshave.deployment import Deployment
from closeshave.faults import janitor, runmark
from closeshave.faults.ledger import Ledger
from closeshave.files import read_lines
from closeshave.processes import Identity, identify, poll_until
from tests.faults import toys

HARNESS = textwrap.dedent(
    """
    import os, subprocess, sys, time
    from pathlib import Path
    from closeshave import deployment as deployments
    from closeshave.faults import child, janitor
    from closeshave.faults.runmark import RUN_MARK, mark
    from closeshave.plan import Expected, Fault

    run, root, destroy = Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:])
    os.environ[RUN_MARK] = mark(run)
    janitor.LEASE_S = 2.0
    with janitor.Heartbeat(run):
        guard = janitor.start(run, root, destroy or None)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        fault = Fault("west-lost", "region.lost", "storm", 0, 600, Expected.RECOVERS, {"region": "us-west-2"})
        child.start(deployments.load(root), run, fault, 1)
        print("up", flush=True)
        time.sleep(600)
    """
)
DESTROY = (
    "import shutil, sys\n"
    "from pathlib import Path\n"
    "from closeshave import deployment, processes\n"
    "root = Path(sys.argv[1])\n"
    "left = processes.sweep(deployment.load(root).id)\n"
    "shutil.rmtree(root)\n"
    "sys.exit(len(left))\n"
)


@contextmanager
def harness(run: Path, root: Path, *destroy: str) -> Iterator[subprocess.Popen[str]]:
    """A harness of its own process group, killed at the latest when the block ends; its janitor too."""
    process = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(run), str(root), *destroy], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait()
        (run / "finished").touch()
        guard = the_janitor(run)
        assert poll_until(lambda: not guard.alive, 20)
        assert runmark.sweep(run) == []


def the_janitor(run: Path) -> Identity:
    return Identity(**json.loads((run / "janitor.json").read_text()))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / f"run-{os.getpid()}-{tmp_path.name}"
    path.mkdir()
    return path


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Deployment]:
    with toys.running(tmp_path / "root") as deployment:
        yield deployment


def injected(run: Path) -> bool:
    return any(line.get("edge") == "injected" for line in read_lines(run / history.TIMELINE))


def marks(run: Path) -> list[str]:
    return [f"{line['kind']}: {line['detail']}" for line in read_lines(run / history.TIMELINE) if line["type"] == "mark"]


def test_attached_environment_is_healed(toy: Deployment, run: Path) -> None:
    """Every open fault is undone and proven, the harness's helpers are gone, the environment's parts are not."""
    with harness(run, Path(toy.root)) as process:
        assert poll_until(lambda: injected(run), 60)
        guard = the_janitor(run)
        assert len(runmark.helpers(run)) == 2  # its load generator and its experiment
        process.kill()
        process.wait()
        assert poll_until(lambda: not guard.alive, 60), (run / "logs" / "janitor.log").read_text()
    assert toys.alive(toy) == {"near-0": True, "near-1": True, "far-0": True}
    assert Ledger(run).open() == ()
    assert any("the harness has died; the janitor heals" in mark for mark in marks(run))


def test_owned_environment_is_destroyed(toy: Deployment, run: Path) -> None:
    """The command that takes the environment down is run; the ledger is closed without a word of healing."""
    with harness(run, Path(toy.root), sys.executable, "-c", DESTROY, toy.root) as process:
        assert poll_until(lambda: injected(run), 60)
        guard = the_janitor(run)
        process.kill()
        process.wait()
        assert poll_until(lambda: not guard.alive, 60), (run / "logs" / "janitor.log").read_text()
    assert processes.marked(toy.id) == []
    assert not Path(toy.root).exists()
    assert Ledger(run).open() == ()
    assert not any(line.get("edge") == "verified-healed" for line in read_lines(run / history.TIMELINE))


def test_harness_that_hangs_is_ended(toy: Deployment, run: Path) -> None:
    """A harness that is alive but silent for longer than its lease is killed before its environment is healed."""
    with harness(run, Path(toy.root)) as process:
        assert poll_until(lambda: injected(run), 60)
        guard = the_janitor(run)
        process.send_signal(signal.SIGSTOP)
        assert poll_until(lambda: not guard.alive, 60), (run / "logs" / "janitor.log").read_text()
        assert process.wait(5) == -signal.SIGKILL
    assert Ledger(run).open() == ()


def test_dismissed_janitor_ends_quietly(toy: Deployment, run: Path) -> None:
    """When everything is in order the janitor goes and touches nothing; its death is seen by whoever looks."""
    with janitor.Heartbeat(run):
        guard = janitor.start(run, Path(toy.root), None)
        assert guard.alive
        guard.dismiss()
        assert not guard.alive
    assert marks(run) == []


def test_janitor_is_detached(toy: Deployment, run: Path) -> None:
    """It has a session of its own and no parent that could take it along, and ignores what ends a shell's jobs."""
    with janitor.Heartbeat(run):
        guard = janitor.start(run, Path(toy.root), None)
        try:
            assert os.getsid(guard.identity.pid) != os.getsid(0)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(guard.identity.pid, number)
            assert identify(guard.identity.pid) == guard.identity
        finally:
            guard.dismiss()

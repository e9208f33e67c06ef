"""The janitor of a trial knows drills: it puts back what a harness that was killed left. A real janitor, a real kill, and a directory as what is left."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.drills import restored_server
from closeshave.faults.ledger import Ledger, Undo
from tests.faults import toys
from tests.faults.harness import janitor_log, janitor_of

HARNESS = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from closeshave.faults import janitor
    from closeshave.trial.guarding import WATCHING

    janitor.LEASE_S = 1.0
    with janitor.Heartbeat(Path(sys.argv[1])):
        janitor.start(Path(sys.argv[1]), Path(sys.argv[2]), None, module=WATCHING)
        print("up", flush=True)
        time.sleep(600)
    """
)


@pytest.mark.thorough
def test_the_janitor_removes_a_restored_database_that_a_killed_harness_left(tmp_path: Path) -> None:
    """It finds the drill in the ledger by its kind. That the shard serves it cannot prove here, and it says so."""
    toy = toys.described(tmp_path / "root")
    run = tmp_path / f"run-{os.getpid()}-{tmp_path.name}"
    run.mkdir()
    left = restored_server.place(toy, 1)
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18")
    Ledger(run).plan("back", Undo("restore.point-in-time", {"shard": 1}, {"back": 5}, toy.root), 600.0, now_ns())
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(run), toy.root], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "up\n"
        assert left.exists()
        harness.kill()
    guard = janitor_of(run)
    try:
        assert poll_until(lambda: not left.exists(), 20)
        assert "healing back (restore.point-in-time)" in janitor_log(run)
    finally:
        if (process := guard.handle()) is not None:
            process.kill()

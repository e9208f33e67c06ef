"""A harness in a process of its own that a test kills: it sends heartbeats, has a janitor, a helper and a fault that is held."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closeshave.control.processes import Identity, poll_until
from closeshave.faults import runmark

SCRIPT = textwrap.dedent(
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


@contextmanager
def harness(run: Path, root: Path, *destroy: str) -> Iterator[subprocess.Popen[str]]:
    """A harness that loses us-west-2, in a session of its own; killed at the latest when the block ends, its janitor too."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(run), str(root), *destroy], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait()
        (run / "finished").touch()
        guard = janitor_of(run)
        assert poll_until(lambda: not guard.alive, 20)
        assert runmark.sweep(run) == []


def janitor_of(run: Path) -> Identity:
    """The janitor's process."""
    return Identity(**json.loads((run / "janitor.json").read_text()))


def janitor_log(run: Path) -> str:
    """What the janitor wrote."""
    return (run / "logs" / "janitor.log").read_text()

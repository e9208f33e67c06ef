"""On a full file system the heartbeat still works, and so does the janitor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import mounting

HARNESS = """
import os, signal, sys, time
from pathlib import Path
from closeshave.faults import janitor
run, outside = Path(sys.argv[1]), Path(sys.argv[2])
run.mkdir()
destroy = (sys.executable, "-c", f"open({str(outside / 'destroyed')!r}, 'w')")
with janitor.Heartbeat(run):
    guard = janitor.start(run, outside / "root", destroy)
    try:
        with (run / "filler").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    except OSError as error:
        print(error.strerror, flush=True)
    time.sleep(janitor.LEASE_S + 2)
    print("lives", guard.alive, (outside / "destroyed").exists(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A harness that fills the disk, goes on for longer than its lease, and is killed."""


@pytest.mark.thorough
def test_a_full_disk_ends_no_trial_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Without heartbeats the janitor would end a trial that is only cleaning up; an error of its own log once kept it from destroying the
    environment.
    """
    mounting.needed()
    place = tmp_path / "full"
    place.mkdir()
    script = f"""
        mount -t tmpfs -o size=256k none {place} || exit 99
        {sys.executable} -c "$0" {place}/run {tmp_path} || true
        for turn in $(seq 200); do test -e {tmp_path}/destroyed && break; sleep 0.1; done
        test -e {tmp_path}/destroyed && echo destroyed
        for turn in $(seq 100); do pgrep -f "faults.watch --run {place}" > /dev/null || break; sleep 0.1; done"""
    done = subprocess.run([*mounting.NAMESPACE, "sh", "-c", script, HARNESS], check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["No space left on device", "lives True False", "destroyed"], done.stderr

"""The disk below a run directory fills up in the middle of a trial: it ends with code 4, and only what was recorded stays."""

import os
import subprocess
import sys

import pytest

from closeshave.control import processes
from closeshave.environments import registry
from tests import mounting
from tests.trial.conftest import plan_text, started_by_this_test

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]
ROOM_MB = 1100
"""A run is refused where less than a gigabyte is free."""


@pytest.mark.parametrize("when", ["phase-started", '"edge": ?"observed"'], ids=["in the warm-up", "while a fault is in effect"])
def test_a_disk_that_fills_up_ends_a_trial_with_code_4(tmp_path, when):
    """Whichever file could not be written: the environment and its fault are removed, the passwords are gone, and a sentence says why."""
    mounting.needed()
    assert started_by_this_test() == []
    before = registry.running()
    place, plan = tmp_path / "full", tmp_path / "short.yaml"
    place.mkdir()
    plan.write_text(plan_text())
    script = f"""
        mount -t tmpfs -o size={ROOM_MB}m none {place} || exit 99
        {sys.executable} -m closeshave run {plan} --runs {place}/runs > {tmp_path}/output 2>&1 & trial=$!
        until grep -Eqs '{when}' {place}/runs/*/timeline.jsonl; do kill -0 $trial || break; sleep 0.1; done
        cat /dev/zero > {place}/filler
        wait $trial; echo $? > {tmp_path}/code
        rm {place}/filler; cp -r {place}/runs {tmp_path}/runs"""
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "runtime")}
    (tmp_path / "runtime").mkdir(mode=0o700)
    subprocess.run([*mounting.NAMESPACE, "sh", "-c", script], check=True, timeout=300, env=environ, stderr=subprocess.DEVNULL)
    said = (tmp_path / "output").read_text(errors="replace")
    assert (tmp_path / "code").read_text().strip() == "4", said
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
    assert registry.running() == before
    assert not list((tmp_path / "runtime").rglob("accounts.json"))
    assert list((tmp_path / "runs").glob("*/timeline.jsonl"))

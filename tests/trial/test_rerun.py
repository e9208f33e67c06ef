"""``rerun.sh`` in a run directory repeats the trial from anywhere, with the same customers, and the directory holds none of their passwords."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.remote import plans
from tests.remote.command import call
from truth.plain.running import plain

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]


def test_customers_of_a_file_next_to_the_environment_file_are_used_again(tmp_path):
    """The file has a relative path there, which leads nowhere from the copy in the run directory."""
    place = tmp_path / "its own place"
    place.mkdir()
    people = "".join(f"customer{number}@plain.test,Plain-1234,us-east-1\n" for number in range(1, 7))
    (place / "people.csv").write_text(f"email,password,region\n{people}")
    with plain("--accounts", "6", "--limits", "50") as platform:
        written = plans.environment(place, platform, hooks=[], accounts={"file": "people.csv"})
        first = call(tmp_path, "run", plans.plan(place, calm_s=5), "--seed", "11", "--runs", tmp_path / "runs")
        assert first.code in {0, 3}, first.said
        assert (first.run / "environment.yaml").read_bytes() == written.read_bytes()
        (tmp_path / "elsewhere").mkdir()
        again = subprocess.run(
            ["sh", str(first.run / "rerun.sh")],
            cwd=tmp_path / "elsewhere",
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert again.returncode in {0, 3}, again.stdout + again.stderr
    assert "6 customers are logged in" in again.stdout + again.stderr
    (second,) = (tmp_path / "elsewhere" / "reports" / "runs").iterdir()
    options = [re.findall(r"--seed 11 .*--accounts '.*'", (run / "rerun.sh").read_text()) for run in (first.run, second)]
    assert len(options[0]) == 1
    assert options[0] == options[1]
    for path in (path for run in (first.run, second) for path in run.rglob("*") if path.is_file()):
        assert b"Plain-1234" not in path.read_bytes(), path

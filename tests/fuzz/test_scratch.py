"""Directories of fuzzers: removed at the end, and by the next fuzzer when the process was killed."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from closeshave.control import processes
from tests.fuzz.scratch import scratch, swept

ROOT = Path(__file__).parents[2]
FUZZER = """
import subprocess, sys
from tests.fuzz.scratch import scratch
with scratch() as (place, lock):
    child = subprocess.Popen(["sleep", "600"], pass_fds=[lock])
    print(place, child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_place(tmp_path, monkeypatch):
    """What real fuzzers use is not touched."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_directory_lasts_as_long_as_its_block():
    """Nobody removes it before."""
    with scratch() as (place, _):
        assert swept() == []
        assert place.is_dir()
    assert not place.exists()


def test_the_next_fuzzer_removes_what_a_killed_one_left(tmp_path):
    """But not while its child, which the kill did not reach, still works in there; and nothing else."""
    (tmp_path / "closeshave-fuzzed-other").mkdir()
    environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    fuzzer = subprocess.Popen(
        [sys.executable, "-c", FUZZER], cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert fuzzer.stdout is not None
    place, child = fuzzer.stdout.readline().split()
    try:
        Path(place, "written").touch()
        assert swept() == []
        fuzzer.kill()
        fuzzer.wait()
        assert swept() == []
        assert Path(place, "written").exists()
    finally:
        subprocess.run(["kill", "-9", child], check=True)
        fuzzer.communicate()
    # The child was adopted by another process: it is gone when its descriptor is.
    assert _removed_within(30) == [Path(place)]
    assert [each.name for each in tmp_path.iterdir()] == ["closeshave-fuzzed-other"]


def _removed_within(seconds):
    found = []

    def any_removed():
        found.extend(swept())
        return bool(found)

    processes.poll_until(any_removed, seconds)
    return found

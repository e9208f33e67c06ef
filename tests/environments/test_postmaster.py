"""PostgreSQL servers found by what they leave in their data directories."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments.servers import postmaster
from closeshave.environments.servers.postmaster import SYSV_SEGMENTS, Postmaster, free_segments

DATA = Path("/state/data/shard1")
FULL = f"4711\n{DATA}\n1700000000\n20001\n\n127.0.0.1\n  5432001         7\nready   \n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(FULL, Postmaster(4711, DATA, 7), id="running"),
        pytest.param("-4711\n", Postmaster(4711, DATA, None), id="single-user, its ID is negative"),
        pytest.param("4711\n/state", Postmaster(4711, DATA, None), id="still starting"),
        pytest.param("", None, id="torn"),
        pytest.param("x\n", None, id="garbage"),
    ],
)
def test_the_pid_file_names_the_process_and_its_shared_memory(text, expected):
    """In whatever state the server died."""
    assert postmaster.parse(text, DATA) == expected


def test_another_process_with_the_servers_old_process_id_is_left_alone(tmp_path):
    """The kernel reuses IDs; a postmaster works in its data directory."""
    assert Postmaster(os.getpid(), tmp_path, None).identity is None


LEFT = """
import ctypes, os
system = ctypes.CDLL(None)
segment = system.shmget(0, 4096, 0o1600)  # IPC_PRIVATE, IPC_CREAT, for its owner alone
assert segment >= 0
print(os.getpid(), segment)
"""
NOT_MINE = """
import os, sys
from pathlib import Path
from closeshave.environments.servers.postmaster import Postmaster, free_segments
os.setuid(65534)
print(free_segments([Postmaster(int(sys.argv[1]), Path("/x"), int(sys.argv[2]))]))
"""


@pytest.fixture(name="left")
def _left():
    """A segment whose server was killed, as its ``postmaster.pid`` has it; removed at the end."""
    if not SYSV_SEGMENTS.exists():
        pytest.skip("no System V segments here")
    pid, segment = map(int, subprocess.run([sys.executable, "-c", LEFT], check=True, capture_output=True, text=True).stdout.split())
    server = Postmaster(pid, Path("/x"), segment)
    yield server
    free_segments([server])
    assert segment not in segments()


def segments():
    """IDs of the segments of this machine."""
    return {int(line.split()[1]) for line in SYSV_SEGMENTS.read_text().splitlines()[1:]}


def test_the_segment_of_a_killed_server_is_removed_without_any_program(left, monkeypatch):
    """A small image has no ipcrm; without it a stopped trial tried for a minute to remove its environment."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert left.segment in segments()
    assert free_segments([left]) == []
    assert left.segment not in segments()
    assert free_segments([left]) == []


def test_the_segment_of_another_server_is_left_alone(left):
    """The number was given again."""
    assert free_segments([replace(left, pid=left.pid + 1)]) == []
    assert left.segment in segments()


def test_a_segment_that_cannot_be_removed_is_told_with_the_reason(left):
    """It belongs to another user."""
    if os.getuid() != 0:
        pytest.skip("only root can try as another user")
    argv = [sys.executable, "-c", NOT_MINE, str(left.pid), str(left.segment)]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert told == f"['{left.segment} (Operation not permitted)']\n"
    assert left.segment in segments()

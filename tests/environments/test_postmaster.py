"""PostgreSQL servers found by what they leave in their data directories."""

import os
from pathlib import Path

import pytest

from closeshave.environments.servers import postmaster
from closeshave.environments.servers.postmaster import Postmaster

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

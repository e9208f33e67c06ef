"""Tests on real servers take turns: two sets of four databases on one small machine would only measure each other."""

import fcntl
import tempfile
from pathlib import Path

import pytest

TURN = Path(tempfile.gettempdir(), "closeshave-tests.turn")


@pytest.fixture(scope="session")
def _machine():
    """This machine's servers to ourselves, until the session ends; the kernel lets go of the lock however we end."""
    with TURN.open("a") as file:
        TURN.chmod(0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever needs servers waits for its turn, before any fixture of its own starts one."""
    for item in items:
        if item.get_closest_marker("servers") or item.get_closest_marker("trial"):
            assert isinstance(item, pytest.Function)
            # A new list: the old one is shared with the function's other parameters, which may need no servers.
            item.fixturenames = ["_machine", *item.fixturenames]

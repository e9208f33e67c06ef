"""Tests on real servers take turns: two sets of four databases on one small machine would only disturb each other."""

import fcntl
import gc
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from closeshave.control import engine, processors
from tests import rewriting, stopping
from tests.command import IN_ASCII, Command, shared

# How long an example takes on a busy machine says nothing of the code.
settings.register_profile("thorough", deadline=None)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=25)
settings.load_profile("quick")

TURN = Path(tempfile.gettempdir(), "closeshave-tests.turn")
WAITED_FOR = {"servers": ("_machine",), "trial": ("_machine",), "containers": ("_engine", "_machine")}
"""Mark → what whoever carries it needs first."""


@pytest.fixture(scope="session")
def _machine():
    """This machine's servers to ourselves, until the session ends; the kernel lets go of the lock however we end."""
    with TURN.open("a") as file:
        TURN.chmod(0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def _engine():
    """A container engine. Without one the test is skipped; CI has one, by ``.ci/engine``."""
    if reason := engine.check():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory of this test's own: private directories of runs are below it, and go with it."""
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    return place


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, in a process of its own each time: of those that need no interpreter of their own the quick way."""
    with shared(_of_all_workers(tmp_path_factory, "command")) as found:
        yield found


@pytest.fixture(scope="session")
def command_in_ascii(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The same on a machine without any locale, where nothing but ASCII can be shown."""
    with shared(_of_all_workers(tmp_path_factory, "command-in-ascii"), IN_ASCII) as found:
        yield found


def _of_all_workers(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A directory that the workers of one session have in common."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def images(_engine):
    """The images that an environment in containers runs from."""
    from closeshave.environments.containers.images import build  # noqa: PLC0415 - most tests need none

    build(print)


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends what fixtures started, as Ctrl-C does; and a fresh clone is made ready by all workers together."""
    config.pluginmanager.register(stopping)
    config.pluginmanager.register(rewriting)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as may run at once: about a third of the time a test waits for a process of its own, or for a timeout."""
    return math.ceil(1.5 * processors.available())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays until the end: Python need not look through it for garbage, then or ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        # A test makes thousands of small values that stay until it ends: there is little to be found in between.
        gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that needs servers waits for its turn before any fixture of its own starts one."""
    for item in items:
        needed = dict.fromkeys(name for mark, names in WAITED_FOR.items() if item.get_closest_marker(mark) for name in names)
        if needed:
            assert isinstance(item, pytest.Function)
            # A new list: the old one is shared with the function's other parameters, which may need no servers.
            item.fixturenames = [*needed, *item.fixturenames]

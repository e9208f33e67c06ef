"""Run directories and toy environments for the tests of faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from closeshave.deployment import Deployment
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.files.shipped import locate
from tests.faults import toys


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An empty run directory, of a name that no other run on this machine has: helpers are found by it."""
    path = tmp_path / f"run-{os.getpid()}-{tmp_path.name}"
    path.mkdir()
    return path


@pytest.fixture
def described(tmp_path: Path) -> Deployment:
    """Three processes in two regions, none of which runs: enough for whoever only reads what there is."""
    return toys.described(tmp_path / "root")


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Deployment]:
    """Three real processes in two regions."""
    with toys.running(tmp_path / "root") as deployment:
        yield deployment


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The embedded environment, one for all tests of a module: each must leave it whole."""
    deployment = embedded.up(read_embedded(locate("environments", "embedded")), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))

"""The embedded environment for drills on its real servers, and the customers who book there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.drills import incremental, restored_server
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults import proofs
from closeshave.files.shipped import locate
from tests.drills.restoring import SHARD, Customers, argv_of


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The embedded environment with its backup servers; every test must leave it whole."""
    definition = replace(read_embedded(locate("environments", "embedded")), links=())
    deployment = embedded.up(definition, say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


@pytest.fixture
def customers(platform: Deployment) -> Iterator[Customers]:
    """They book before, during and after the drill."""
    found = Customers(platform)
    thread = threading.Thread(target=found.book)
    thread.start()
    yield found
    found.over.set()
    thread.join()


@pytest.fixture
def whole(platform: Deployment) -> Iterator[None]:
    """Nothing of a drill is left: no restored database, roles as declared, every part runs."""
    yield
    assert restored_server.gone(platform, SHARD).holds
    assert all(incremental.gone(server).holds for server in platform.backups)
    assert not any("restored" in " ".join(argv_of(one)) for one in processes.marked(platform.id))
    assert proofs.shard(platform, SHARD, at_home=True)().holds
    assert all(processes.find(Path(platform.root), process) for process in platform.processes)

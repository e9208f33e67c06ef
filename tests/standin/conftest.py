"""Fixtures: servers and a platform that the tests of a module share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from closeshave import deployment
from closeshave.standin import defects
from closeshave.standin.settings import to_variables
from closeshave.standin.switches import Defect, parse
from tests.standin.running import TOPOLOGY, Running, running
from tests.standin.servers import Postgres, postgres


@pytest.fixture(scope="module")
def new_postgres() -> Iterator[Callable[[], Postgres]]:
    """Starts servers that live until the module's tests are done."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(postgres())


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The platform, running."""
    with running(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.fixture
def deployed(platform: Running, tmp_path: Path) -> Iterator[deployment.Deployment]:
    """The platform as an environment would describe it, free of defects afterwards."""
    apps = [
        deployment.Process(settings.instance, "app", region, (), to_variables(settings)) for region, settings in platform.settings.items()
    ]
    described = deployment.Deployment(
        id="test",
        name="test",
        kind="test",
        root=str(tmp_path),
        topology=TOPOLOGY,
        processes=tuple(apps),
        members=tuple(
            deployment.Member(f"s{shard}", shard, TOPOLOGY.shard(shard).home, server.port, 0, f"s{shard}")
            for shard, server in platform.servers.items()
        ),
        stores=(),
        sentinels=(),
        links=(),
        edges=(),
        payments=deployment.Payments("payments", "", ""),
        etcd_ports=(),
        database="standin",
        user="bookings",
    )
    yield described
    for defect in Defect:
        if platform.defects.exists() and defect in parse(platform.defects.read_text()):
            defects.clear(described, defect)

"""One control plane for all tests of this folder that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubernetes import controlplane, platform, programs
from tests.kubernetes.controlplane import ControlPlane, Kubelets


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelets]:
    """A control plane with two nodes in each of two zones; who plays their kubelets."""
    if lacking := programs.lacking():
        pytest.skip(lacking)
    with controlplane.running(tmp_path_factory.mktemp("plane")) as found, controlplane.kubelets(found) as kubelets:
        platform.add_nodes(found)
        yield kubelets


@pytest.fixture(scope="session")
def plane(played: Kubelets) -> ControlPlane:
    """The control plane."""
    return played.plane


@pytest.fixture(autouse=True)
def kubeconfig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The administrator's, for whoever reads one."""
    if "plane" in request.fixturenames:
        directory = request.getfixturevalue("plane").directory
        monkeypatch.setenv("KUBECONFIG", str(directory / "admin.kubeconfig"))

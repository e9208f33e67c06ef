"""How a rollout starts its processes: forked from one interpreter where the application allows it, each by itself where it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from closeshave.clients import ports
from closeshave.control import processes
from closeshave.deployment import Application
from closeshave.environments.rollout.starting import Starting
from tests.faults import toys


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("preload", [("http.server",), ()])
def test_an_application_is_forked_and_nothing_else(tmp_path: Path, role: str, preload: tuple[str, ...]) -> None:
    """It serves and is recorded like any other process, and outlives the interpreter from which it was forked."""
    (tmp_path / "logs").mkdir()
    shop = replace(toys.deployment(tmp_path), application=Application(preload=preload))
    process = replace(toys.server("one", None), role=role)
    try:
        with Starting(shop) as starting:
            starting.start(process)
        there = processes.find(tmp_path, process)
        assert there is not None
        assert ("closeshave.environments.warm" in psutil.Process(there.pid).cmdline()) == (role == "app" and bool(preload))
        assert processes.poll_until(lambda: ports.fresh_answer(ports.url(process.ports[0], "/"))[0] == 200, 30)
        assert there.alive
    finally:
        assert processes.sweep(shop.id) == []

"""A deployment of a few real processes, small enough for quick tests: HTTP servers in two regions, no clusters."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment, Payments, Process
from closeshave.topology import Shard, Topology

NEAR, FAR = "us-west-2", "us-east-1"


def free_port() -> int:
    """A port without a listener now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(name: str, region: str | None) -> Process:
    """An HTTP server that serves nothing of interest."""
    port = free_port()
    argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    return Process(name=name, role="payments", region=region, argv=argv, ports=(port,))


def deployment(root: Path, *parts: Process) -> Deployment:
    """A deployment of exactly these parts, saved under ``root``, none of them started."""
    toy = Deployment(
        id=f"toy-{root.name}-{free_port()}",
        name="toy",
        kind="embedded",
        root=str(root),
        topology=Topology((NEAR, FAR), (Shard(1, 1, 100, NEAR, FAR),)),
        processes=parts,
        members=(),
        stores=(),
        sentinels=(),
        links=(),
        edges=(),
        payments=Payments("none", "http://127.0.0.1:1", "none"),
        etcd_ports=(),
        database="none",
        user="none",
    )
    root.mkdir(parents=True, exist_ok=True)
    toy.save()
    return toy


@contextmanager
def running(root: Path) -> Iterator[Deployment]:
    """Two servers in the near region and one in the far, up while the block runs, whatever happens to them in it."""
    toy = deployment(root, server("near-0", NEAR), server("near-1", NEAR), server("far-0", FAR))
    try:
        for part in toy.processes:
            processes.start(root, toy.id, part)
        assert processes.poll_until(lambda: all(answers(part.ports[0]) for part in toy.processes), 20)
        yield toy
    finally:
        assert processes.sweep(toy.id) == []


def answers(port: int) -> bool:
    """Whether a connection to the port is accepted."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(toy: Deployment) -> dict[str, bool]:
    """Which parts run, by name."""
    return {part.name: processes.find(Path(toy.root), part) is not None for part in toy.processes}

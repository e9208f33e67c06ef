"""A deployment of a few real processes, small enough for quick tests: servers in two regions, no clusters."""

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
LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    held = []
    while True:
        held.append(listener.accept())
"""
"""A program that accepts connections and keeps them; it starts in a tenth of the time of one that speaks HTTP."""


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


def listener(name: str, region: str | None) -> Process:
    """A server to which one can connect, and no more."""
    port = free_port()
    return Process(name=name, role="payments", region=region, argv=(sys.executable, "-I", "-S", "-c", LISTEN, str(port)), ports=(port,))


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


def described(root: Path) -> Deployment:
    """Two servers in the near region and one in the far, none of them started."""
    return deployment(root, listener("near-0", NEAR), listener("near-1", NEAR), listener("far-0", FAR))


@contextmanager
def running(root: Path) -> Iterator[Deployment]:
    """The same, up while the block runs, whatever happens to them in it."""
    toy = described(root)
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

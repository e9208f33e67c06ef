"""etcd, where Patroni stores which member is the leader. One member in each of the regions that the environment file names."""

from __future__ import annotations

from closeshave.deployment import Process
from closeshave.environments.site import SERVER_NICE, Site, placed


def client_ports(site: Site) -> tuple[int, ...]:
    """The ports that Patroni talks to."""
    return tuple(site.ports.port(name, "client") for name, _ in placed("etcd", site.definition.etcd))


def endpoints(site: Site, region: str) -> list[str]:
    """The addresses of all members for Patroni in ``region``, as ``host:port``."""
    return [f"{site.address(name, region)}:{site.ports.port(name, 'client')}" for name, _ in placed("etcd", site.definition.etcd)]


def processes(site: Site) -> tuple[Process, ...]:
    """Every member, in the order of the environment file."""
    members = tuple(placed("etcd", site.definition.etcd))
    cluster = ",".join(f"{name}={_advertised(site, name, 'peer')}" for name, _ in members)
    return tuple(_process(site, name, region, cluster) for name, region in members)


def _process(site: Site, name: str, region: str, cluster: str) -> Process:
    client, peer = _advertised(site, name, "client"), _advertised(site, name, "peer")
    argv = [
        str(site.parts.etcd.program),
        f"--name={name}",
        f"--data-dir={site.data(name)}",
        f"--listen-client-urls={_listening(site, name, 'client')}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={_listening(site, name, 'peer')}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={cluster}",
        f"--initial-cluster-token={site.id}",
        # A killed process loses nothing that the kernel has; power cuts are not rehearsed here.
        "--unsafe-no-fsync",
        "--heartbeat-interval=100",
        "--election-timeout=1000",
        "--log-level=warn",
    ]
    if site.parts.etcd.rejoins_empty:
        others = [
            f"{site.address(other)}:{site.ports.port(other, 'client')}"
            for other, _ in placed("etcd", site.definition.etcd)
            if other != name
        ]
        argv = [site.parts.python.program, "-m", "closeshave.environments.servers.etcd_rejoin", ",".join(others), *argv]
    return Process(
        name=name,
        role="etcd",
        region=region,
        argv=tuple(argv),
        environ={"GOMAXPROCS": "1", **(site.parts.python.environ if site.parts.etcd.rejoins_empty else {})},
        ports=(site.ports.port(name, "client"), site.ports.port(name, "peer")),
        nice=SERVER_NICE,
    )


def _listening(site: Site, name: str, purpose: str) -> str:
    return f"http://{site.bind}:{site.ports.port(name, purpose)}"


def _advertised(site: Site, name: str, purpose: str) -> str:
    return f"http://{site.address(name)}:{site.ports.port(name, purpose)}"

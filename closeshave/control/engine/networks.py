"""Networks of an environment and the containers in them: a partition disconnects a container from a network."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from closeshave.control.engine.client import EngineFailed, asking, client
from closeshave.control.engine.labels import labels
from closeshave.deployment import Attachment, Network

FRONT = "front"
ROUTES = Path("/proc/net/route")


def make_network(network: Network, environment_id: str, root: Path) -> None:
    """Create a network. The engine itself takes the subnet's first address. Raises :class:`EngineFailed`.

    On a ``front`` no container reaches another, and ports are published on 127.0.0.1; the other networks have no outside connection.
    """
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415 - see client.py

    front = network.purpose == FRONT
    options: dict[str, Any] = {
        "driver": "bridge",
        "check_duplicate": True,
        "internal": not front,
        "labels": labels(environment_id, root),
        "ipam": IPAMConfig(pool_configs=[IPAMPool(subnet=network.subnet)]),
        "options": {"com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}
        if front
        else {},
    }
    with asking(f"make the network {network.name}"):
        client().client_networks_create(network.name, options)


def attached(container: str) -> frozenset[str]:
    """The names of a container's current networks."""
    with asking(f"look for {container}"):
        networks: dict[str, object] = client().client.api.inspect_container(container)["NetworkSettings"]["Networks"]
    return frozenset(networks)


def disconnect(container: str, network: str) -> None:
    """Disconnect a container from a network: from then on no packet passes, in either direction. Does nothing if it is not connected."""
    try:
        with asking(f"disconnect {container} from {network}"):
            client().client.api.disconnect_container_from_network(container, network)
    except EngineFailed:
        if network in attached(container):
            raise


def connect(container: str, attachment: Attachment) -> None:
    """Connect a container to a network, with its own address. Does nothing if it is connected."""
    try:
        with asking(f"connect {container} to {attachment.network}"):
            client().client.api.connect_container_to_network(container, attachment.network, ipv4_address=attachment.address)
    except EngineFailed:
        if attachment.network not in attached(container):
            raise


def taken_subnets() -> list[IPv4Network]:
    """Subnets that a new network must not overlap: networks of the engine, and routes of this machine."""
    with asking("list its networks"):
        listed = client().client.api.networks()
    pools = [pool["Subnet"] for network in listed for pool in network["IPAM"]["Config"] or [] if "." in pool.get("Subnet", "")]
    return [*map(IPv4Network, pools), *_routes(ROUTES.read_text(encoding="utf-8"))]


def _routes(table: str) -> list[IPv4Network]:
    """The destinations in the text of ``/proc/net/route`` (hexadecimal, in the machine's byte order), without the default one."""
    rows = [line.split() for line in table.splitlines()[1:]]
    pairs = [(bytes.fromhex(row[1])[::-1], bytes.fromhex(row[7])[::-1]) for row in rows]
    return [IPv4Network((destination, _length(mask))) for destination, mask in pairs if any(mask)]


def _length(mask: bytes) -> int:
    return int.from_bytes(mask, "big").bit_count()

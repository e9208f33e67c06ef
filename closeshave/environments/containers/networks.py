"""Networks of an environment in containers, and the address of every part on each. Pure: the same parts and block give the same plan.

Every part is on the *front*, which publishes its ports and allows no traffic between parts. Each region has a network of its own, and one more, the
*wan*, connects the regions: only parts that communicate with other regions are on it. Parts that belong to no region are on the networks of all
regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from closeshave.deployment import Attachment, Network, Process
from closeshave.environments.addresses import LOOPBACK
from closeshave.environments.errors import EnvironmentFailed

FRONT, REGION, WAN = "front", "region", "wan"

STAY_AT_HOME = frozenset({"app", "worker", "pooler"})
"""Roles that reach other regions only through the proxies of their region."""

POOLS = tuple(map(IPv4Network, ("10.213.0.0/16", "172.29.0.0/16", "192.168.192.0/18")))
"""Private ranges (RFC 1918) from which a block is taken. Several, because a company's routes may cover one of them completely."""

RESERVED = 3
"""How many addresses of a network no part can have: the network itself, the engine's address, broadcast."""
FIRST_HOST = 2


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Which process is on which network with which address; the :class:`closeshave.environments.addresses.Addresses` of the environment."""

    networks: tuple[Network, ...]
    attachments: Mapping[str, tuple[Attachment, ...]]
    """Process → its networks and addresses, the front first."""
    regions: Mapping[str, str | None]
    """Process → the region that it belongs to."""
    trusted: tuple[str, ...]
    bind: str = "0.0.0.0"  # noqa: S104 - all interfaces of a container, which only the other parts reach

    def of(self, name: str, seen_from: str | None) -> str:
        """The address in the region's own network for parts of the same region, else the one in the network between regions.

        For a part that is not on the network between regions, the first of its other addresses.
        """
        if seen_from is not None and self.regions[name] in (None, seen_from):
            return self._on(name, REGION, seen_from) or self.told(name)
        return self.told(name)

    def told(self, name: str) -> str:
        """The address of a part that every other part can use."""
        return self._on(name, WAN, None) or self.attachments[name][1].address

    def _on(self, name: str, purpose: str, region: str | None) -> str | None:
        network = next(network for network in self.networks if (network.purpose, network.region) == (purpose, region))
        return next((at.address for at in self.attachments[name] if at.network == network.name), None)


def plan(prefix: str, processes: Sequence[Process], regions: Sequence[str], block: IPv4Network) -> NetworkPlan:
    """Assign networks and addresses. Names of networks start with ``prefix``; a process's address ends in the same number on each of its networks."""
    subnets = block.subnets(new_prefix=32 - _host_bits(len(processes)))
    kinds = [(FRONT, None), (WAN, None), *((REGION, region) for region in regions)]
    networks = {
        kind: Network(f"{prefix}-{kind[1] or kind[0]}", *kind, subnet=str(subnet)) for kind, subnet in zip(kinds, subnets, strict=False)
    }
    attachments = {
        process.name: tuple(
            Attachment(networks[kind].name, _host(networks[kind].subnet, FIRST_HOST + number)) for kind in _kinds(process, regions)
        )
        for number, process in enumerate(processes)
    }
    homes = {process.name: process.region for process in processes}
    return NetworkPlan(tuple(networks.values()), attachments, homes, (f"{LOOPBACK}/32", str(block)))


def prefix_length(processes: int, regions: int) -> int:
    """The block of addresses that so many processes in so many regions need, as the length of its prefix in bits."""
    return 32 - _host_bits(processes) - (regions + 1).bit_length()


def free_block(length: int, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first block of this prefix length that overlaps nothing taken. Raises :class:`EnvironmentFailed`."""
    others = tuple(taken)
    for pool in POOLS:
        if length < pool.prefixlen:
            continue
        for block in pool.subnets(new_prefix=length):
            if not any(block.overlaps(other) for other in others):
                return block
    raise EnvironmentFailed(f"no block of addresses of length /{length} is free in {', '.join(map(str, POOLS))}: remove unused networks")


def _kinds(process: Process, regions: Sequence[str]) -> list[tuple[str, str | None]]:
    if process.region is None:
        return [(FRONT, None), *((REGION, region) for region in regions)]
    outward: list[tuple[str, str | None]] = [] if process.role in STAY_AT_HOME else [(WAN, None)]
    return [(FRONT, None), (REGION, process.region), *outward]


def _host_bits(processes: int) -> int:
    return (processes + RESERVED - 1).bit_length()


def _host(subnet: str, number: int) -> str:
    return str(IPv4Address(int(IPv4Network(subnet).network_address) + number))

"""The addresses of an environment's parts on its networks: arithmetic, without an engine."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.deployment import Process
from closeshave.environments.containers.networks import POOLS, free_block, plan, prefix_length
from closeshave.environments.errors import EnvironmentFailed

REGIONS = ["north", "south", "west", "east", "middle", "far"]


@st.composite
def platforms(draw):
    """Some regions, and parts of them and of none."""
    regions = REGIONS[: draw(st.integers(1, len(REGIONS)))]
    places = draw(st.lists(st.tuples(st.sampled_from([None, *regions]), st.sampled_from(["app", "etcd"])), min_size=1, max_size=300))
    return regions, [Process(f"part-{number}", role, region, ()) for number, (region, role) in enumerate(places)]


def planned(regions, processes):
    """The plan in the first free block."""
    return plan("x", processes, regions, free_block(prefix_length(len(processes), len(regions)), ()))


@settings(deadline=None)
@given(platforms())
def test_every_address_is_in_its_network_and_none_is_given_twice(platform):
    """The gateway of a network has its first address, and no part has it."""
    found = planned(*platform)
    subnets = {network.name: IPv4Network(network.subnet) for network in found.networks}
    given_ = [(at.network, IPv4Address(at.address)) for several in found.attachments.values() for at in several]
    assert len(set(given_)) == len(given_)
    for name, address in given_:
        subnet = subnets[name]
        assert address in subnet
        assert address not in {subnet.network_address, subnet.network_address + 1, subnet.broadcast_address}


@settings(deadline=None)
@given(platforms())
def test_networks_fill_one_block_and_do_not_overlap(platform):
    """So that one route, and one line of the database's trust, covers all."""
    regions, processes = platform
    found = planned(regions, processes)
    subnets = [IPv4Network(network.subnet) for network in found.networks]
    block = IPv4Network(found.trusted[-1])
    assert len(subnets) == len(regions) + 2
    assert all(subnet.subnet_of(block) for subnet in subnets)
    assert not any(one.overlaps(other) for number, one in enumerate(subnets) for other in subnets[:number])


@settings(deadline=None)
@given(platforms())
def test_whoever_gets_the_address_of_a_part_can_reach_it(platform):
    """Both are on the network of the address: from its own region, from another one, and from none."""
    regions, processes = platform
    found = planned(regions, processes)
    of = {network.name: (network.purpose, network.region) for network in found.networks}
    by_address = {at.address: of[at.network] for several in found.attachments.values() for at in several}
    for process in processes:
        for region in regions:
            seen = by_address[found.of(process.name, region)]
            if process.region in (None, region):
                assert seen == ("region", region)
            elif process.role != "app":
                assert seen == ("wan", None)
        if process.region is not None:
            assert by_address[found.told(process.name)] == (("region", process.region) if process.role == "app" else ("wan", None))


@settings(deadline=None)
@given(platforms())
def test_no_part_gets_an_address_on_the_front(platform):
    """On this network no part reaches another."""
    regions, processes = platform
    found = planned(regions, processes)
    front = next(network.name for network in found.networks if network.purpose == "front")
    for process in processes:
        assert found.attachments[process.name][0].network == front
        told = {found.told(process.name), *(found.of(process.name, region) for region in regions)}
        assert found.attachments[process.name][0].address not in told


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(POOLS[0].subnets(new_prefix=22))), max_size=40))
def test_a_block_overlaps_nothing_that_is_taken(taken):
    """Two environments on one machine, or a company's own network, must not collide."""
    block = free_block(23, taken)
    assert not any(block.overlaps(other) for other in taken)


def test_if_a_whole_range_is_routed_the_next_one_is_used():
    """As a tunnel into a company's network may do."""
    assert free_block(23, [IPv4Network("10.0.0.0/8")]).subnet_of(POOLS[1])


def test_without_a_free_block_the_reason_is_stated():
    """Otherwise the networks could take traffic of other programs."""
    with pytest.raises(EnvironmentFailed, match=r"no block of addresses of length /23 is free"):
        free_block(23, [IPv4Network("0.0.0.0/0")])

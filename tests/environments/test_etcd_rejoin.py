"""The fallback etcd: a killed member comes back empty, under a new identity."""

import pytest

from closeshave.environments.servers import etcd_rejoin
from closeshave.environments.servers.etcd_rejoin import existing, initial_cluster, option, rejoin
from tests.faults import toys

MEMBERS = [
    {"ID": "1", "name": "etcd-a", "peerURLs": ["http://127.0.0.1:1001"]},
    {"ID": "9", "peerURLs": ["http://127.0.0.1:1002"]},
]


def test_the_member_that_was_just_added_gets_its_name_in_the_cluster():
    """etcd lists it by its address only, until it has started."""
    assert initial_cluster(MEMBERS, "etcd-b", "http://127.0.0.1:1002") == "etcd-a=http://127.0.0.1:1001,etcd-b=http://127.0.0.1:1002"


def test_it_joins_a_cluster_that_exists():
    """A new cluster of its own would be a split brain."""
    assert existing("a=b") == ["--initial-cluster=a=b", "--initial-cluster-state=existing"]


def test_options_are_read_from_the_servers_own_command_line():
    """There is one place that says them."""
    assert option(["etcd", "--name=x", "--data-dir=/d=1"], "data-dir") == "/d=1"


def test_a_member_that_is_not_accepted_says_what_the_others_answered(monkeypatch):
    """Else nobody knows whether they are gone or refuse."""
    monkeypatch.setattr(etcd_rejoin, "REJOIN_S_MAX", 0.0)
    nobody = f"127.0.0.1:{toys.free_port()}"
    with pytest.raises(TimeoutError, match=f"no majority of etcd accepted etcd-b again within 0 s: {nobody} lists no members"):
        rejoin([nobody], "etcd-b", "http://127.0.0.1:1002")

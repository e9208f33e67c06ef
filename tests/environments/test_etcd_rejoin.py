"""The fallback etcd: a killed member comes back empty, under a new identity."""

from closeshave.environments.servers.etcd_rejoin import existing, initial_cluster, option

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

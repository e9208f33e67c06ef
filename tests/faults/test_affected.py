"""Which faults may be in effect together."""

import pytest

from closeshave.faults.affected import meet
from closeshave.plan import Expected, Fault
from closeshave.topology import Shard, Topology

TOPOLOGY = Topology(("east", "west"), (Shard(1, 1, 100, "east", "west"), Shard(2, 101, 200, "west", "west")))


def fault(kind, **scope):
    """A fault of which only kind and scope matter here."""
    return Fault("f", kind, "storm", 0, 10, Expected.RECOVERS, scope)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (fault("shard.x", shard=1), fault("shard.y", shard=1), {"shard 1"}),
        (fault("shard.x", shard=1), fault("shard.x", shard=2), set()),
        (fault("shard.x", shard=1), fault("cache.x", tier="cache"), set()),
        (fault("cache.x", tier="cache"), fault("cache.x", tier="sessions"), set()),
        (fault("region.x", region="east"), fault("shard.x", shard=1), {"shard 1"}),
        (fault("region.x", region="east"), fault("shard.x", shard=2), set()),
        (fault("region.x", region="west"), fault("shard.x", shard=1), {"shard 1"}),
        (fault("region.x", region="west"), fault("cache.x", tier="cache"), {"tier cache"}),
        (fault("region.x", region="west"), fault("service.x", region="west"), {"region west"}),
        (fault("service.x", region="east"), fault("shard.x", shard=1), set()),
        (fault("service.x", region="east"), fault("service.y", region="west"), set()),
        (fault("dependency.x"), fault("region.x", region="east"), set()),
        (fault("dependency.x"), fault("dependency.y"), {"dependency"}),
        (fault("shard.etcd-lost"), fault("shard.x", shard=1), {"shard 1"}),
        (fault("shard.etcd-lost"), fault("dependency.x"), {"dependency"}),
        (fault("shard.etcd-member-lost", process="etcd-east"), fault("shard.x", shard=2), {"shard 2"}),
        (fault("shard.etcd-member-lost", process="etcd-east"), fault("cache.x", tier="cache"), set()),
    ],
)
def test_faults_may_overlap_unless_healing_one_touches_the_other(one, other, shared):
    """What both touch is named, whichever is asked first."""
    assert meet(one, other, TOPOLOGY) == meet(other, one, TOPOLOGY) == shared

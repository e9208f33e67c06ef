"""What a fault's scope holds, what may be affected outside of it, and which faults may be in effect together."""

import pytest

from closeshave.plan import Expected, Fault
from closeshave.scope import concerned, holds, may_suffer, meet, struck
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
        (fault("restore.other-region", shard=1), fault("region.x", region="east"), set()),
        (fault("restore.other-region", shard=1), fault("restore.other-region", shard=1), {"backups of shard 1"}),
        (fault("restore.latest", shard=1), fault("region.x", region="east"), {"shard 1"}),
        (fault("shard.etcd-member-lost", process="etcd-east"), fault("cache.x", tier="cache"), set()),
    ],
)
def test_faults_may_overlap_unless_healing_one_touches_the_other(one, other, shared):
    """What both touch is named, whichever is asked first."""
    assert meet(one, other, TOPOLOGY) == meet(other, one, TOPOLOGY) == shared


@pytest.mark.parametrize(
    ("scope", "shards"),
    [({"shard": 2}, [2]), ({"region": "east"}, [1]), ({"tier": "sessions"}, [1, 2]), ({}, [1, 2])],
)
def test_a_drill_of_a_tier_concerns_everybody(scope, shards):
    """Every customer's requests may need it. Once it concerned nobody, so that no share of failed requests could be told."""
    assert concerned(fault("cache.reshard", **scope), TOPOLOGY) == shards


@pytest.mark.parametrize(
    ("scope", "place", "held", "suffers"),
    [
        ({"shard": 1}, ("east", 1), True, True),
        ({"shard": 1}, ("west", 1), True, True),
        ({"shard": 1}, ("east", 2), False, False),
        ({"region": "west"}, ("west", 3), True, True),
        ({"region": "west"}, ("east", 2), True, True),
        ({"region": "west"}, ("east", 1), False, True),
        ({"region": "west"}, ("eu", 3), False, False),
        ({"tier": "cache"}, ("eu", 3), True, True),
        ({}, ("eu", 3), True, True),
    ],
)
def test_a_lost_standby_alone_is_outside_the_scope_but_may_affect_its_shard(scope, place, held, suffers):
    """Shard 1's home is in the east and its standby in the west. Any other scope may affect all franchises."""
    of = fault("region.lost", **scope)
    assert (holds(of, place[0], place[1], TOPOLOGY), may_suffer(of, place[0], place[1], TOPOLOGY)) == (held, suffers)


@pytest.mark.parametrize(
    ("scope", "shards"), [({"shard": 1}, [1]), ({"region": "west"}, [2]), ({"region": "east"}, [1]), ({"tier": "cache"}, []), ({}, [])]
)
def test_data_may_be_lost_where_the_primary_is_declared(scope, shards):
    """Not where a standby is."""
    assert struck(fault("x.y", **scope), TOPOLOGY) == shards

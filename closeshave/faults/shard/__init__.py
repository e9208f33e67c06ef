"""Faults of a shard: one PostgreSQL cluster under Patroni, and the etcd that all of them depend on."""

ABOUT = "one PostgreSQL cluster under Patroni, and the etcd that elects its primaries; to lose a shard, kill its primary (`shard.primary-killed`)"
"""For the page of faults."""

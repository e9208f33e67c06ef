"""Faults of a shard: one PostgreSQL cluster under Patroni, and the etcd that all of them depend on."""

ABOUT = "one PostgreSQL cluster under Patroni, and the etcd that elects its primaries"
"""For the page of faults."""

"""Faults of a shard: one PostgreSQL cluster under Patroni, and the etcd that all of them depend on."""

from closeshave.faults.shard import (
    connections_exhausted,
    disk_full,
    etcd_lost,
    etcd_member_lost,
    hot_row_locked,
    primary_hung,
    primary_killed,
    primary_partitioned,
    replica_lost,
    replicas_lost,
    replication_cut,
    replication_delayed,
    slow_queries,
    switchover,
)
from closeshave.faults.shard.cluster import shard_of, unfit

__all__ = ["KINDS", "shard_of", "unfit"]

KINDS = (
    primary_killed.KIND,
    primary_hung.KIND,
    primary_partitioned.KIND,
    replica_lost.KIND,
    replicas_lost.KIND,
    replication_delayed.KIND,
    replication_cut.KIND,
    connections_exhausted.KIND,
    hot_row_locked.KIND,
    slow_queries.KIND,
    disk_full.KIND,
    switchover.KIND,
    etcd_member_lost.KIND,
    etcd_lost.KIND,
)

"""The names of all kinds of faults, for code that only needs names: targets, judges. The catalogue defines what each kind does."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection

NAMES: frozenset[str] = frozenset(
    {
        "cache.flushed",
        "cache.memory-exhausted",
        "cache.primary-hung",
        "cache.primary-killed",
        "cache.slow",
        "cache.split-from-sentinels",
        "cache.tier-lost",
        "data.acknowledgement-lost",
        "data.retry-storm",
        "dependency.payments-down",
        "dependency.payments-erring",
        "dependency.payments-late",
        "dependency.payments-slow",
        "dependency.webhooks-duplicated",
        "region.customers-cut",
        "region.customers-partitioned",
        "region.data-links-cut",
        "region.flapping",
        "region.lossy",
        "region.lost",
        "region.partitioned",
        "region.restored",
        "region.slow",
        "service.bad-version",
        "service.clock-skewed",
        "service.cpu-squeezed",
        "service.erring",
        "service.hung",
        "service.killed",
        "service.out-of-memory",
        "shard.connections-exhausted",
        "shard.disk-full",
        "shard.etcd-lost",
        "shard.etcd-member-lost",
        "shard.hot-row-locked",
        "shard.primary-hung",
        "shard.primary-killed",
        "shard.primary-partitioned",
        "shard.replica-lost",
        "shard.replicas-lost",
        "shard.replication-cut",
        "shard.replication-delayed",
        "shard.slow-queries",
        "shard.switchover",
    }
)
"""As in ``closeshave/faults/catalogue.py``; a test compares the two."""


def matches_nothing(pattern: str, names: Collection[str] = NAMES) -> bool:
    """Whether a pattern matches none of the names."""
    return not any(fnmatch.fnmatch(name, pattern) for name in names)


def suggestion(pattern: str, names: Collection[str] = NAMES) -> str:
    """``(did you mean shard.*?)``: the name closest to a pattern that matches nothing; empty where none is close."""
    families = {f"{name.split('.')[0]}.*" for name in names if "." in name}
    close = difflib.get_close_matches(pattern, sorted({*names, *families}), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""

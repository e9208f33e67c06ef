"""Faults of a cache tier: Valkey nodes under Sentinel, in one or several groups."""

from closeshave.faults.cache import flushed, killed, memory, slow, split

KINDS = (killed.PRIMARY_KILLED, killed.TIER_LOST, killed.PRIMARY_HUNG, flushed.KIND, memory.KIND, slow.KIND, split.KIND)

"""Drills of the databases: what their operators do to a shard's members."""

ABOUT = "a shard's members"

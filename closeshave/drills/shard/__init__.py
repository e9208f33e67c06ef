"""Drills that change what a shard consists of, while customers are served."""

ABOUT = "members and ranges of a shard"

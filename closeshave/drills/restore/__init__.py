"""Drills of the backups: a shard is restored beside the running one and compared with what customers were told."""

ABOUT = "backups, restored beside the running shard"

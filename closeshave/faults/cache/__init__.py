"""Faults of a cache tier: Valkey nodes under Sentinel, in one or several groups."""

ABOUT = "a tier of Valkey stores under Sentinel: `cache`, `sessions` or `ratelimit`"
"""For the page of faults."""

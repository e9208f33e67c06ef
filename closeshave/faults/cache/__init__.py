"""Faults of a cache tier: Valkey nodes under Sentinel, in one or several groups, or the nodes of a Valkey cluster."""

ABOUT = "a tier of Valkey stores: `cache`, `sessions` or `ratelimit`, under Sentinel or in a Valkey cluster"
"""For the page of faults."""

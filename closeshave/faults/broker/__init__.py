"""Faults of the broker between the application and its workers. Its nodes are a tier, so the faults of a tier work on it too."""

ABOUT = "the broker that hands jobs to the workers: the tier `broker`; the faults of the family `cache` can be aimed at it too"
"""For the page of faults."""

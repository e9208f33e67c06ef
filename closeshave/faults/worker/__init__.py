"""Faults of the workers beside the application, which take jobs from a broker."""

ABOUT = "the workers of a region, which take jobs from a broker"
"""For the page of faults."""

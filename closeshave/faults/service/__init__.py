"""Faults of the platform's own processes: one application among several of a region, or a release of all of them."""

ABOUT = "processes of the application; `instance` counts from 0 within the region"
"""For the page of faults."""

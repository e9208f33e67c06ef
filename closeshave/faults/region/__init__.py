"""Faults of a region: everything in one failure domain, or all links to it."""

ABOUT = "everything in a region, or its links"
"""For the page of faults."""

"""Faults that put data at risk: answers that are lost after a commit, and clients that repeat their requests."""

ABOUT = "acknowledgements and retries"
"""For the page of faults."""

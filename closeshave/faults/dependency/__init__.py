"""Faults of what the platform depends on and does not run: the payment provider."""

ABOUT = "the payment provider"
"""For the page of faults."""

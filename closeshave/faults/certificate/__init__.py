"""Faults of certificates: what an edge shows to whoever opens a connection."""

ABOUT = "the edges' certificates"
"""For the page of faults."""

"""Drills of the workers beside the application."""

ABOUT = "the workers of a region, which take jobs from a broker"
"""For the page of drills."""

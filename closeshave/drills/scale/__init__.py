"""Drills of capacity: instances of the application are started when there are too few, and ended when there are too many."""

ABOUT = "capacity that follows the load"
"""For the page of drills."""

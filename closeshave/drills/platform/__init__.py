"""Drills of the whole platform: everything is lost at once, and built anew from files and backups."""

ABOUT = "everything at once"
"""For the page of drills."""

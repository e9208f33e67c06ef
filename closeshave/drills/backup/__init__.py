"""Drills of what a backup server keeps: all of it is examined, and one backup of it is restored."""

ABOUT = "what a backup server keeps, examined"

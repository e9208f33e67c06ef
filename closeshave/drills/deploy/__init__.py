"""Drills of releases: what operators do to bring another release of the application into service, and back."""

ABOUT = "releases of the application"

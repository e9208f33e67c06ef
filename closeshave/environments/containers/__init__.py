"""The environment whose processes run in containers, on networks of a container engine."""

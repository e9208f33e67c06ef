"""Failures of an environment, worded so that a person can act on them."""

from __future__ import annotations


class EnvironmentFailed(RuntimeError):
    """An environment could not be started or kept running; the message names the part and shows the end of its log. No process is left."""

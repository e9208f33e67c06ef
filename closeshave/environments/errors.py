"""What goes wrong with an environment, said so that a person can mend it."""

from __future__ import annotations


class EnvironmentFailed(RuntimeError):
    """An environment could not be started or kept: names the part and shows the end of its log. Nothing of it is left running."""

"""The command, as a user who loads a remote platform calls it."""

from truth.command import Ended, call

__all__ = ["Ended", "call"]

"""The command, as whoever loads a remote platform calls it."""

from truth.command import Ended, call

__all__ = ["Ended", "call"]

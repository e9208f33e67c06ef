"""The command, as whoever loads a platform elsewhere calls it."""

from truth.command import Ended, call

__all__ = ["Ended", "call"]

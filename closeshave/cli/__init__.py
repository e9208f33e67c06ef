"""The command ``closeshave``: arguments in, exit code out, no logic. It may import everything, and does so when a command needs it."""

from closeshave.cli.command import main

__all__ = ["main"]

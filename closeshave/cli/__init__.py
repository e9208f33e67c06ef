"""The command ``closeshave``: arguments in, exit code out, no logic. A command imports what it needs when it is carried out.

May import: conclusion, control, environments, faults, files, loadgen, private, report, trial, vocabulary.
"""

from closeshave.cli.command import main

__all__ = ["main"]

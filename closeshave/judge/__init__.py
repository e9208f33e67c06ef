"""Judges: pure functions from recorded evidence to verdicts. Nothing here acts on a platform, or imports code that does.

May import: clock, extensions, history, operations, plan, plurals, quantiles, scope, target, topology, vocabulary.
"""

from closeshave.judge.assess import assess
from closeshave.judge.exits import exit_code

__all__ = ["assess", "exit_code"]

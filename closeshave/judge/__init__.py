"""What a history means: pure functions from recorded evidence to verdicts. Nothing here acts, and nothing here imports what acts.

May import: history, plan, plurals, quantiles, scope, target, topology, vocabulary.
"""

from closeshave.judge.assess import assess
from closeshave.judge.exits import exit_code

__all__ = ["assess", "exit_code"]

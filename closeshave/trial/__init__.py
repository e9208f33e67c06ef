"""One trial: bring up, load, break, heal, judge nothing. A plan becomes a run directory with a history: :func:`closeshave.trial.running.run`.

Before it: :mod:`.preparation` (files into one checked value), :mod:`.outlook` (what the plan can settle), :mod:`.nemesis` (faults that are drawn).
"""

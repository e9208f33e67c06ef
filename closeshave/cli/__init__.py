"""The command ``closeshave``: arguments in, exit code out. :mod:`.app` is its root, :mod:`.commands` holds the commands, :mod:`.main` carries one out.

May import: capacity, claims, clients, clock, cluster, comparison, conclusion, control, deployment, drills, environments, faults, files, gameday,
gate, judge, live, loadgen, machines, openslo, plan, private, probes, readiness, report, target, telemetry, trial, vocabulary.
"""

from closeshave.cli.main import main

__all__ = ["main"]

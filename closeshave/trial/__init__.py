"""One trial: start, load, inject faults, heal; it judges nothing. A plan becomes a run directory with a history: :func:`closeshave.trial.running.run`.

A series of trials on one environment: :mod:`.series`. Before a trial: :mod:`.preparation` (files into one value, by what :mod:`.checks` finds),
:mod:`.outlook` (what the plan can decide), :mod:`.nemesis` (random faults).

May import: caps, clients, clock, conclusion, control, deployment, drills, environments, extensions, faults, files, gameday, history, judge,
loadgen, machines, plan, plurals, private, probes, report, scope, shapes, target, telemetry, topology, traffic, vocabulary.
"""

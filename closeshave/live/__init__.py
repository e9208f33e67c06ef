"""The live view: one page on loopback that shows a running trial, served by a process of its own.

The trial knows nothing of it. The server reads what the trial writes anyway, each byte once, and keeps counts by interval (:mod:`.ladder`,
:mod:`.series`), never requests. Read in this order: :mod:`.picture` (what a page is told, as values), :mod:`.watcher` (reads the run directory),
:mod:`.telling` (what which role may see of it), :mod:`.guard` (who may ask), :mod:`.server`, and :mod:`.launching`, the trial's side.

May import: clock, control, deployment, environments, faults, files, gameday, history, judge, loadgen, plan, private, report, target, traffic,
trial, vocabulary.
"""

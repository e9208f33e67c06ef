"""Capacity: the largest rate at which a platform keeps its objectives, in calm and under a fault, and how far what was measured can be extrapolated.

Pure: :mod:`.level` (what is asked and found), :mod:`.sample` and :mod:`.stationary` (its requests, and whether they were in balance), :mod:`.judging`
(what it says of its rate), :mod:`.search` (levels in, the next level out), :mod:`.character` (overload, leaks, cold starts), :mod:`.limiting` (which
resource), :mod:`.claimed` (promised rates), :mod:`.result` (the whole answer), :mod:`.states` and :mod:`.levelplan` (the plan of a level under a fault),
:mod:`.levelreading` (the run of a level as its result); :mod:`.usl`, :mod:`.scalability`, :mod:`.scaling_levels` and :mod:`.scaling_told` (what several
sizes say of the next); :mod:`.demands`, :mod:`.sizing`, :mod:`.sized` and :mod:`.sizes` (what a target's users and requests would take of load
machines); :mod:`.interval` and :mod:`.support` (figures, and how far they carry).

Acting: :mod:`.asking` (what is searched), :mod:`.directory` (what is kept), :mod:`.ground`, :mod:`.quotas` and :mod:`.pools` (where levels run, and what
waits there), :mod:`.running` (all of it), :mod:`.telling` and :mod:`.charts` (how it looks), :mod:`.scaling` and :mod:`.application_quota` (levels at
several sizes), :mod:`.loadmachine` (this machine as a load machine).

May import: claims, clients, clock, conclusion, control, deployment, environments, faults, files, history, judge, loadgen, plan, plurals, quantiles,
report, target, traffic, trial, vocabulary.
"""

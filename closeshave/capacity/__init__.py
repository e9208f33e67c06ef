"""Capacity: the largest rate at which a platform keeps its objectives, in calm and under a fault, and how far what was measured can be extrapolated.

Pure: :mod:`.search` (levels' results in, the next level out); :mod:`.usl`, :mod:`.scalability` and :mod:`.scaling_told` (what several sizes say of the
next); :mod:`.demands`, :mod:`.sizing`, :mod:`.sized` and :mod:`.sizes` (what a target's users and requests would take of load machines); :mod:`.interval`
and :mod:`.support` (figures, and how far they carry). Acting: :mod:`.loadmachine`.

May import: claims, control, environments, files, loadgen, plurals, quantiles, report, target, traffic.
"""

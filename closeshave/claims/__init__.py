"""The arithmetic of promises: which of a target's promises cannot all be kept, and what follows from their figures. Pure, but for :mod:`.reading`.

:mod:`.finding` (what is found, and the figures to find it with), :mod:`.rules` (every rule, by its ID), a module for each subject
(:mod:`.recovery`, :mod:`.load`, :mod:`.cache`, :mod:`.residency`, :mod:`.products`, :mod:`.bounds`, :mod:`.planned`), :mod:`.zipf` (popularity),
and :mod:`.telling` (how it looks).

May import: environments.definition, files, plan, report.words, target, topology, trial.prospects.
"""

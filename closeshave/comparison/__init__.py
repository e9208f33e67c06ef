"""Runs beside runs: what differs in plan, machine and versions, and in each verdict and figure; changes over many nights.

:mod:`.fingerprint` (the conditions of a run), :mod:`.stored` (runs and their summaries on a disk), :mod:`.values` (what a comparison says),
:mod:`.compare` (two runs), :mod:`.nights` (figures of many runs), :mod:`.trend` (where they changed), and how each looks: terminal and page.

May import: files, judge, plurals, report, target, vocabulary.
"""

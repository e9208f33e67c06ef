"""Functional checks of a running platform, as code: what is asked is recorded first, and judged from the record alone.

Pure: :mod:`.values` (probe, observation, finding), :mod:`.deciding` (from observations to a finding), :mod:`.basis` (what was promised and declared),
:mod:`.judging` (every finding of a record), :mod:`.result` (as it is published), :mod:`.telling` and :mod:`.page` (how it looks).

Acting: :mod:`.families` (one small file a family), :mod:`.catalogue` (all that there are), :mod:`.scene` (what a probe is given), :mod:`.places` (the
environment that is asked), :mod:`.asking` (one round of probes), :mod:`.record` (its files).

Probes that installed packages add to a plan (``closeshave.trial.probe``) are something else: these judge nothing.

May import: nothing.
"""

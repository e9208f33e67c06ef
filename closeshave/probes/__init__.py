"""Functional checks of a running platform, as code: what is asked is recorded first, and judged from the record alone.

Pure: :mod:`.values` (observation, finding), :mod:`.probe` (a check in two halves), :mod:`.deciding` (from observations to a finding), :mod:`.basis`
(what was promised and declared), :mod:`.judging` (every finding of a record), :mod:`.result` (as it is published), :mod:`.telling` and :mod:`.page`
(how it looks).

Acting: :mod:`.families` (one small file a family), :mod:`.catalogue` (all that there are), :mod:`.scene` (what a probe is given), :mod:`.places` (the
environment that is asked), :mod:`.people` (customers of a round), :mod:`.spare` (an instance beside the others), :mod:`.asking` (one round of
probes), :mod:`.record` (its files), :mod:`.carrying` (all of it).

Probes that installed packages add to a plan (``closeshave.trial.probe``) are something else: these judge nothing.

May import: api, caps, clients, control, deployment, environments, faults, files, hashslots, judge, plurals, report, target, topology,
traffic, vocabulary.
"""

"""Which promises of a target are verified, on what evidence, how old, at what scale? It reads finished runs, and has carried out what is missing.

Pure: :mod:`.values` (the ledger, as it is published), :mod:`.evidence` (what a run says of each promise), :mod:`.standing` (whether a run counts, and
why not), :mod:`.deciding` (the row of each promise; go or no-go), :mod:`.advice` (what would make a row better), :mod:`.due` (what is missing or
stale, and how long it takes).

Acting: :mod:`.gathering` (runs from directories, judged again), :mod:`.rounds` and :mod:`.capacities` (rounds of probes and capacity searches, the
same), :mod:`.reading` (what these have in common), :mod:`.plans` (plans that test a promise), :mod:`.telling` and :mod:`.page` (how it looks),
:mod:`.writing` (its files), :mod:`.carrying` (trials and rounds of probes that are due).

May import: capacity, conclusion, environments, files, history, judge, plan, plurals, probes, report, target, trial, vocabulary.
"""

"""The gate: is the candidate worse than the base? Decided by blocks of interleaved legs, by rules that were fixed before the first leg.

Pure: :mod:`.rules` (what is fixed beforehand), :mod:`.design` (the order of the legs), :mod:`.figures` (what one leg measured), :mod:`.effects` (what
the blocks say of one metric), :mod:`.power` (what would have been noticed), :mod:`.decision` (worse, better, same, unknown), :mod:`.result` (the whole
answer), :mod:`.pace` (what a stage takes), :mod:`.resampling` (how often the rules are wrong).

Acting: :mod:`.asking` (what is to be compared), :mod:`.directory` and :mod:`.baseline` (what is kept), :mod:`.legs` (trials), :mod:`.running` (all of
it), :mod:`.telling` (how it looks).

May import: comparison, conclusion, environments, files, judge, plan, plurals, quantiles, report, traffic, trial, vocabulary.
"""

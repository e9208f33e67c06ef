"""What a run recorded, as columns: operations, effects, the final state, the host. Nothing here is a figure or a verdict.

:class:`.recorded.Recorded` is the history as arrays; :class:`.evidence.Evidence` adds what follows from it and is the argument of every judge.

May import: history, judge.witnesses, plan, plurals, scope, target, topology, vocabulary.
"""

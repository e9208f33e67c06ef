"""Figures with their confidence, found from the evidence: recovery, loss, containment, shares, percentiles.

:class:`.analysis.Analysis` computes once what several judges need.

May import: clock, history, judge.evidence, judge.verdict, judge.witnesses, operations, plan, quantiles, scope, target, topology, vocabulary.
"""

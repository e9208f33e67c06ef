"""Figures with their confidence, found from the evidence: recovery, loss, containment, shares, percentiles.

:class:`.analysis.Analysis` computes once what several judges need.
"""

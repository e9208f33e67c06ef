"""Figures with their confidence, found from the evidence: recovery, loss, containment, shares, percentiles.

:class:`.analysis.Analysis` finds each that several judges need once.
"""

"""Tests of the faults: every kind once, under load. Is it injected on time and observed, does it affect customers, is nothing left of it?

It is outside the package, because its results are about the catalogue of faults, not about a platform.
"""

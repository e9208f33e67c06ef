"""The proving ground: every kind of fault once, under load. Is it injected on time and observed, does it affect customers, is nothing left of it?

Lives beside the package and not in it: what it finds out is about the catalogue of faults, not about a platform.
"""

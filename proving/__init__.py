"""The proving ground: every kind of fault once, under load. Does it strike on time, is it seen, do customers feel it, is nothing left of it?

Lives beside the package and not in it: what it finds out is about the catalogue of faults, not about a platform.
"""

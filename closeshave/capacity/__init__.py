"""Capacity: the largest rate at which a platform keeps its objectives, in calm and under a fault, and how far what was measured can be extrapolated.

Pure: :mod:`.search` (levels' results in, the next level out).

May import: nothing.
"""

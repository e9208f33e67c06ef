"""Planted defects: a subclass of each part of the platform that breaks its promise while a switch is on.

The honest parts know nothing of this. A process is put together from these subclasses, which hand everything on to the honest code as long as
no test has planted anything; so defects can be toggled while the platform runs, and nothing that a judge may read differs before.
"""

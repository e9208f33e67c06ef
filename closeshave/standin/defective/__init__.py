"""Planted defects: for each part of the platform a subclass that breaks its promise while a switch is on.

The correct parts know nothing about this. A process consists of these subclasses, which call the correct code unless a test has planted a defect. So
defects can be switched while the platform runs, and nothing that a judge reads differs before.
"""

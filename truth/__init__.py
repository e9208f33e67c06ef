"""Tests of the judge: platforms that break their promises in known ways, and harnesses that are damaged in known ways.

It is outside the package, because nothing here may be part of a trial: defects are planted in the stand-in's processes by a file, damage is done to
the harness from outside, and plans, target and environment are the same files for a clean platform and for a broken one.
"""

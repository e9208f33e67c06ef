"""Is the judge ever fooled? Platforms that break their promises in known ways, and harnesses that are damaged in known ways, judged for real.

Lives beside the package and not in it, because nothing here may be part of a trial: defects are planted in the stand-in's processes by a file,
damage is done to the harness from outside, and plans, target and environment are the same files for a clean platform and for a broken one.
"""
